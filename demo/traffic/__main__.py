"""`python -m demo.traffic`: drive the small WedSync until SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from demo.traffic.driver import Driver, send_over_http
from demo.traffic.plan import plan
from wedsync_core.clock import SystemClock


def arguments(given: list[str]) -> argparse.Namespace:
    """Return the command line's values; exits with a message for wrong ones."""
    parser = argparse.ArgumentParser(prog="python -m demo.traffic", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8083", help="address of the service (%(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed sends the same requests (%(default)s)")
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second in all (%(default)s)")
    parser.add_argument("--day-minutes", type=float, default=10.0, help="minutes a played day lasts (%(default)s)")
    parser.add_argument("--concurrency", type=int, default=40, help="requests under way at most (%(default)s)")
    parser.add_argument("--report-seconds", type=float, default=10.0, help="seconds between lines (%(default)s)")
    parser.add_argument("--seconds", type=float, default=None, help="stop after this long (never)")
    chosen = parser.parse_args(given)
    for name in ("rate", "day_minutes", "concurrency", "report_seconds"):
        if getattr(chosen, name) <= 0:
            parser.error(f"--{name.replace('_', '-')} must be above zero")
    return chosen


def main() -> int:
    """Drive until told to stop; returns the exit status."""
    chosen = arguments(sys.argv[1:])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    clock = SystemClock()
    driver = Driver(
        send_over_http(chosen.url.rstrip("/"), clock),
        clock,
        stop,
        concurrency=chosen.concurrency,
        report_every=chosen.report_seconds,
        seconds=chosen.seconds,
    )
    driver.run(plan(chosen.seed, chosen.rate, chosen.day_minutes), lambda line: print(line, flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
