"""Thousands of alerts in one message, or in as many: how soon they are answered, paged and worked off, how it grows.

``python -m benchmarks.alert_storm [--alerts N] [--posts] [--patience SECONDS]``, on SQLite, each alert with a cause of
its own and one critical among them; ``--posts``: each in a message of its own, over four connections.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from benchmarks.webhook_load import CLOCK, SERVICES, Target, alert, message, post_all
from benchmarks.webhook_throughput import receiver, sqlite_file

TITLE = "The one that must not wait"


def storm(size: int) -> list[dict[str, object]]:
    """Return warnings with one critical alert in their middle."""
    alerts = [
        alert(
            {"alertname": "SupplierDown", "severity": "warning", "service": f"supplier-{number}"}, f"Supplier {number}"
        )
        for number in range(size - 1)
    ]
    service, workflow = next(iter(SERVICES.items()))
    labels = {"alertname": "WorkflowFailing", "severity": "critical", "service": service, "affects": workflow}
    alerts.insert(size // 2, alert({**labels, "type": "service_failure", "region": "london"}, TITLE))
    return alerts


def memory(port: int) -> int:
    """Return the bytes that the processes listening on a port's configuration hold (PSS of the whole group)."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            if f"WEDSYNC_RECEIVER_PORT={port}\0".encode() in environment:
                rollup = (folder / "smaps_rollup").read_text()
                total += 1024 * next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        except OSError:
            continue  # it has ended meanwhile, or is not ours to look at
    return total


def until(question: Callable[[], bool], patience: float) -> float | None:
    """Return the seconds until the answer was yes; None when it was not in time."""
    began, waiting = CLOCK.monotonic(), threading.Event()
    while not question():
        if CLOCK.monotonic() - began > patience:
            return None
        waiting.wait(0.05)
    return CLOCK.monotonic() - began


def main() -> int:
    """Post the storm and print the figures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alert_storm", description=__doc__.split("\n")[0])
    parser.add_argument("--alerts", type=int, default=10_000, help="in the storm (%(default)s)")
    parser.add_argument("--posts", action="store_true", help="each alert in a message of its own")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds to wait for the last (%(default)s)")
    arguments = parser.parse_args()
    alerts = storm(arguments.alerts)
    bodies = [message([one]) for one in alerts] if arguments.posts else [message(alerts)]
    with tempfile.TemporaryDirectory(prefix="wedsync-bench-") as name:
        folder = Path(name)
        contender = receiver("receiver, SQLite", folder / "receiver", sqlite_file(folder))
        with contender.opened() as target, ThreadPoolExecutor(1) as posting:
            watch(target, bodies, folder / "receiver", arguments.patience, posting)
    return 0


def watch(target: Target, bodies: list[bytes], folder: Path, patience: float, posting: ThreadPoolExecutor) -> None:
    """Post the bodies and print what happens when."""
    port = int(target.url.split(":")[2].split("/")[0])
    url, token = target.url.split("/api/")[0], folder / "secrets/viewer"
    before = peak = memory(port)
    began = CLOCK.monotonic()
    answers = posting.submit(lambda: asyncio.run(post_all(target, bodies, connections=4)))

    def paged() -> bool:
        return any(TITLE in file.read_text() for file in (folder / "data").rglob("pager.log"))

    def answered() -> bool:
        return answers.done()

    def whole() -> bool:
        nonlocal peak
        peak = max(peak, memory(port))
        return series(url, token, "wedsync_alerts_waiting") == 0

    def told() -> bool:
        nonlocal peak
        peak = max(peak, memory(port))
        return (
            series(url, token, "wedsync_escalation_overdue_seconds") == series(url, token, "wedsync_outbox_depth") == 0
        )

    if len(bodies) == 1:
        report("answered", until(answered, patience), began)
    report("the critical one on the pager", until(paged, patience), began)
    report("all answered", until(answered, patience), began)
    statuses = {status: answers.result().count(status) for status in set(answers.result())}
    print(f"{len(bodies)} messages, {sum(map(len, bodies))} bytes, answered {statuses}", flush=True)
    report("all placed", until(whole, patience), began)
    print(f"{series(url, token, 'wedsync_alerts_waiting'):.0f} still wait")
    report("all pages out", until(told, patience), began)
    print(f"memory grew by {(peak - before) / 2**20:.0f} MiB at most")


def report(what: str, took: float | None, began: float) -> None:
    """Print when something had happened, in seconds since the beginning, or that it had not."""
    print(f"{what}: " + ("not in time" if took is None else f"{CLOCK.monotonic() - began:.1f} s"), flush=True)


def series(url: str, token_file: Path, name: str) -> float:
    """Return the value of one of the receiver's series."""
    token = token_file.read_text().split()[0]
    text = requests.get(f"{url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=60).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


if __name__ == "__main__":
    sys.exit(main())
