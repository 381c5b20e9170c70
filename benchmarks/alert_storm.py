"""Thousands of alerts in one message: how soon it is answered, how soon the critical one in it pages, how it grows.

``python -m benchmarks.alert_storm [--alerts N] [--patience SECONDS]``, on SQLite, each alert with a cause of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import requests

from benchmarks.webhook_load import CLOCK, SERVICES, alert, message
from benchmarks.webhook_throughput import receiver, sqlite_file

TITLE = "The one that must not wait"


def storm(size: int) -> bytes:
    """Return a message of warnings with one critical alert in its middle."""
    alerts = [
        alert(
            {"alertname": "SupplierDown", "severity": "warning", "service": f"supplier-{number}"}, f"Supplier {number}"
        )
        for number in range(size - 1)
    ]
    service, workflow = next(iter(SERVICES.items()))
    labels = {"alertname": "WorkflowFailing", "severity": "critical", "service": service, "affects": workflow}
    alerts.insert(size // 2, alert({**labels, "type": "service_failure", "region": "london"}, TITLE))
    return message(alerts)


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
    parser.add_argument("--alerts", type=int, default=10_000, help="in the message (%(default)s)")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds to wait for the last (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wedsync-bench-") as name:
        folder = Path(name)
        contender = receiver("receiver, SQLite", folder / "receiver", sqlite_file(folder))
        body = storm(arguments.alerts)
        with contender.opened() as target:
            port = int(target.url.split(":")[2].split("/")[0])
            before = peak = memory(port)
            began = CLOCK.monotonic()
            headers = {"Authorization": f"Bearer {target.token}", "Content-Type": "application/json"}
            answer = requests.post(target.url, data=body, headers=headers, timeout=60)
            answered = CLOCK.monotonic() - began
            print(
                f"{arguments.alerts} alerts, {len(body)} bytes: {answer.status_code} after {answered:.2f} s", flush=True
            )

            def paged() -> bool:
                return any(TITLE in file.read_text() for file in (folder / "receiver/data").rglob("pager.log"))

            page = until(paged, arguments.patience)
            print(
                f"critical page after {answered + page:.2f} s" if page is not None else "no critical page", flush=True
            )

            def whole() -> bool:
                nonlocal peak
                peak = max(peak, memory(port))
                return waiting(target.url.split("/api/")[0], folder / "receiver/secrets/viewer") == 0

            done = until(whole, arguments.patience)
            left = waiting(target.url.split("/api/")[0], folder / "receiver/secrets/viewer")
            print(
                f"all processed after {CLOCK.monotonic() - began:.0f} s"
                if done is not None
                else f"{left:.0f} still wait"
            )
            print(f"memory grew by {(peak - before) / 2**20:.0f} MiB at most")
    return 0


def waiting(url: str, token_file: Path) -> float:
    """Return how many alerts are kept and not processed yet."""
    token = token_file.read_text().split()[0]
    text = requests.get(f"{url}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=60).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("wedsync_alerts_waiting "))


if __name__ == "__main__":
    sys.exit(main())
