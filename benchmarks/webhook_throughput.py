"""Webhooks a second: how many of Alertmanager's messages are accepted, durably, beside Alerta in the same run.

``python -m benchmarks.webhook_throughput [--seconds N] [--rounds N] [--without-alerta]``. The receiver runs whole, on
SQLite and on PostgreSQL, and goes on paging (to a file) while it is measured; every case begins on an empty database.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from itertools import count
from pathlib import Path

import yaml

from benchmarks import alerta
from benchmarks.figures import quantile
from benchmarks.webhook_load import Case, Load, Target, run
from demo.stack import binaries, services
from demo.stack.ground import Ground, Ports
from demo.stack.loopback import free_port
from demo.stack.postgres import PostgresCluster
from wedsync_core.clock import SystemClock

CASES = (
    Case("1 new alert, 4 connections", connections=4, alerts=1),
    Case("1 new alert of a new cause, 4 connections", connections=4, alerts=1, own_causes=True),
    Case("1 repeated alert, 4 connections", connections=4, alerts=1, repeated=True),
    Case("1 new alert, 1 connection", connections=1, alerts=1),
    Case("10 new alerts, 4 connections", connections=4, alerts=10),
)
WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Contender:
    """Somebody measured. ``opened`` gives a target whose database is empty."""

    name: str
    opened: Callable[[], AbstractContextManager[Target]]


def receiver(name: str, folder: Path, database: Callable[[], AbstractContextManager[str]]) -> Contender:
    """Return our receiver on a kind of database, a new one and a new process for every case."""
    ground = Ground(folder, Ports(**{field.name: free_port() for field in fields(Ports)}))
    ground.prepare(SystemClock().now())
    settings = ground.configuration / "wedsync.yml"
    document = yaml.safe_load(settings.read_text())
    # The pages go to a file: the provider is not what is measured here.
    document["channels"]["pager"] = {"kind": "console", "file": "pager.log"}
    settings.write_text(yaml.safe_dump(document))
    token = (ground.secrets / "alertmanager").read_text().split()[0]

    @contextmanager
    def opened() -> Iterator[Target]:
        with database() as url:
            process = services.webhook_receiver(ground)
            with replace(process, env={**(process.env or {}), "WEDSYNC_INCIDENTS_DATABASE_URL": url}):
                yield Target(name, f"{ground.url('receiver')}/api/monitoring/alertmanager", token)

    return Contender(name, opened)


def peer(folder: Path, stack: ExitStack, cluster: PostgresCluster) -> Contender:
    """Return Alerta, started once and emptied before every case."""
    running = stack.enter_context(alerta.running(alerta.environment(), cluster, folder))

    @contextmanager
    def opened() -> Iterator[Target]:
        running.forget()
        yield running.target

    return Contender("Alerta", opened)


def sqlite_file(folder: Path) -> Callable[[], AbstractContextManager[str]]:
    """Return what gives the URL of a new SQLite file in a folder."""
    numbers = count(1)

    @contextmanager
    def opened() -> Iterator[str]:
        yield f"sqlite:///{folder / f'incidents-{next(numbers)}.db'}"

    return opened


def line(case: Case, name: str, loads: Sequence[Load], peer_rate: float | None) -> str:
    """Return one row of the table: posts a second over all rounds, latencies in milliseconds, and the ratio."""
    latencies = [1000 * latency for load in loads for latency in load.latencies]
    rate = len(latencies) / sum(load.seconds for load in loads)
    refused = sum(load.refused for load in loads)
    shown = "  ".join(f"{quantile(latencies, share):>7.1f}" for share in (0.5, 0.95, 0.99)) if latencies else "-"
    ratio = f"{rate / peer_rate:>6.1f}" if peer_rate else f"{'':>6}"
    return f"{case.name:<42}  {name:<22}  {len(latencies):>6}  {rate:>7.0f}  {shown}  {refused:>7}  {ratio}"


def measured(contenders: Sequence[Contender], case: Case, seconds: float, rounds: int) -> dict[str, list[Load]]:
    """Let the contenders take turns at a case, so that a noisy minute of the machine meets all of them."""
    loads: dict[str, list[Load]] = defaultdict(list)
    for _ in range(rounds):
        for contender in contenders:
            with contender.opened() as target:
                run(target, replace(case, repeated=True), WARM_UP_SECONDS)
                loads[contender.name].append(run(target, case, seconds))
    return loads


def main() -> int:
    """Run the cases and print their figures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webhook_throughput", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="of each case and contender (%(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="turns each contender takes (%(default)s)")
    parser.add_argument("--cases", default="", help="run only the cases with these words in their name")
    parser.add_argument("--without-alerta", action="store_true", help="measure the receiver alone")
    parser.add_argument("--sqlite-only", action="store_true", help="leave PostgreSQL out")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wedsync-bench-")))
        contenders = [receiver("receiver, SQLite", folder / "sqlite", sqlite_file(folder))]
        if not (arguments.sqlite_only and arguments.without_alerta):
            cluster = PostgresCluster(binaries.postgres_bin(), free_port(), folder / "postgresql.log")
            stack.enter_context(cluster)
        if not arguments.sqlite_only:
            contenders.append(receiver("receiver, PostgreSQL", folder / "postgresql", cluster.database))
        if not arguments.without_alerta:
            contenders.append(peer(folder, stack, cluster))
        titles = f"{'posts':>6}  {'posts/s':>7}  {'p50 ms':>7}  {'p95':>7}  {'p99':>7}  {'refused':>7}  {'ratio':>6}"
        print(f"{'':<42}  {'':<22}  {titles}", flush=True)
        for case in (case for case in CASES if arguments.cases in case.name):
            loads = measured(contenders, case, arguments.seconds, arguments.rounds)
            theirs = loads.get("Alerta")
            peer_rate = (
                sum(len(load.latencies) for load in theirs) / sum(load.seconds for load in theirs) if theirs else None
            )
            for name, seen in loads.items():
                print(line(case, name, seen, peer_rate if name != "Alerta" else None), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
