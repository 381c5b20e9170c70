"""Errors a second, durably stored, redacted, grouped and judged, beside Bugsink in the same run; kills; a storm.

``python -m benchmarks.errors [--seconds N] [--kills N] [--storm N] [--without-bugsink]``. Both take the same envelopes.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from benchmarks import bugsink
from benchmarks.error_load import CLOCK, Load, envelopes, post
from benchmarks.figures import quantile
from demo.stack import services
from demo.stack.ground import Ground, Ports
from demo.stack.loopback import free_port
from demo.stack.processes import Process

KEY = "9ec79c33ec9942ab8353589fcb2e04dc"
PROJECT = 42


@dataclass(frozen=True)
class Exporters:
    """The exporters of a folder, which can be killed and started again."""

    ground: Ground

    @property
    def url(self) -> str:
        """Where the SDKs report to."""
        return f"{self.ground.url('exporters')}/api/{PROJECT}/envelope/"

    def process(self) -> Process:
        """Return a process, not started yet."""
        return services.exporters(self.ground)

    @property
    def database(self) -> Path:
        """The file everything is stored in."""
        return next(self.ground.folder.rglob("telemetry.sqlite"))

    def ask(self, query: str) -> int:
        """Return the number a query of the database gives."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as database:
            return int(database.execute(query).fetchone()[0] or 0)

    def stored(self) -> set[str]:
        """Return the ids of all events that are stored."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=30)) as database:
            return {row[0] for row in database.execute("SELECT event_id FROM error_occurrences")}


@contextmanager
def prepared() -> Iterator[Exporters]:
    """Give exporters on a folder of their own, with one project and without a quota in the way."""
    with tempfile.TemporaryDirectory(prefix="wedsync-errors-") as folder:
        ground = Ground(Path(folder), Ports(**{field.name: free_port() for field in fields(Ports)}))
        ground.prepare(CLOCK.now())
        settings = ground.configuration / "wedsync.yml"
        document = yaml.safe_load(settings.read_text())
        many = 10_000_000
        document["errors"] = {
            "projects": {"bench": {"id": PROJECT, "public_keys": [KEY], "service": "booking", "region": "london"}},
            "quotas": {"per_token": many, "per_project": many, "per_service": many, "uncounted": many},
        }
        settings.write_text(yaml.safe_dump(document))
        yield Exporters(ground)


def shown(name: str, load: Load, digested: float) -> None:
    """Print one line of the comparison."""
    p50, p95, p99 = (quantile(load.latencies, share) * 1000 for share in (0.5, 0.95, 0.99))
    accepted = len(load.latencies) / load.seconds
    print(
        f"{name:<12} accepted {accepted:6.0f}/s  digested {digested:6.0f}/s  p50 {p50:5.1f} ms  p95 {p95:5.1f}  "
        f"p99 {p99:5.1f}  refused {load.refused}",
        flush=True,
    )


def ours(seconds: float) -> float:
    """Return the events a second that the exporters store."""
    with prepared() as exporters, exporters.process():
        load = post(exporters.url, KEY, envelopes(int(seconds * 600)), seconds=seconds)
        rate = exporters.ask("SELECT COUNT(*) FROM error_occurrences") / load.seconds
        shown("exporters", load, rate)
        return rate


def theirs(seconds: float) -> float:
    """Return the events a second that Bugsink works off, the wait for its queue included."""
    programs = bugsink.environment()
    with (
        tempfile.TemporaryDirectory(prefix="bugsink-") as folder,
        bugsink.running(programs, Path(folder) / "base") as peer,
    ):
        began = CLOCK.monotonic()
        load = post(peer.url, peer.key, envelopes(int(seconds * 300)), seconds=seconds)
        while peer.digested() < len(load.acknowledged) and CLOCK.monotonic() - began < seconds * 10:
            threading.Event().wait(0.2)
        rate = peer.digested() / (CLOCK.monotonic() - began)
        shown("Bugsink", load, rate)
        return rate


def kills(count: int) -> int:
    """Kill the exporters under load again and again; returns how many acknowledged events are lost."""
    acknowledged: list[str] = []
    with prepared() as exporters:
        for _ in range(count):
            process = exporters.process()
            process.start()
            ready = envelopes(2_000)
            killer = threading.Timer(1.5, process.kill)
            killer.start()
            acknowledged += post(exporters.url, KEY, ready, seconds=6).acknowledged
            killer.join()
            process.kill()
        lost = set(acknowledged) - exporters.stored()
    print(f"kill -9 x {count}: {len(acknowledged)} acknowledged, {len(lost)} lost", flush=True)
    return len(lost)


def storm(count: int) -> None:
    """Send equal errors; print what memory and storage do."""
    with prepared() as exporters, exporters.process() as process:
        done = 0
        while done < count:
            done += len(post(exporters.url, KEY, envelopes(min(10_000, count - done), kinds=1), seconds=600).latencies)
            status = Path(f"/proc/{process.pid}/status").read_text()
            memory = int(status.partition("VmRSS:")[2].split()[0]) // 1024
            rows = exporters.ask("SELECT COUNT(*) FROM error_occurrences")
            size = exporters.database.stat().st_size >> 20
            print(f"storm: {done:>7} sent, {memory} MiB of memory, {size} MiB of storage, {rows} rows", flush=True)
        alarms = exporters.ask("SELECT COUNT(*) FROM alarms")
        groups = exporters.ask("SELECT COUNT(*) FROM error_groups")
        print(f"storm: {groups} groups, {alarms} alarms", flush=True)


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--storm", type=int, default=100_000)
    parser.add_argument("--without-bugsink", action="store_true")
    arguments = parser.parse_args()
    if arguments.seconds:
        mine = ours(arguments.seconds)
        if not arguments.without_bugsink:
            print(f"{mine / theirs(arguments.seconds):.1f} times Bugsink", flush=True)
    if arguments.kills:
        kills(arguments.kills)
    if arguments.storm:
        storm(arguments.storm)
    return 0


if __name__ == "__main__":
    sys.exit(main())
