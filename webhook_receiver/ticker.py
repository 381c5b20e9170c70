"""The only loop of the receiver: finds rows that are due and calls the rooms. The only place that waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.telemetry.logs import get_log

TURN_SECONDS = 1.0
"""Rows are looked at this often. A wake-up only makes it sooner, so a lost one costs a second at most."""
STALLED_AFTER = timedelta(seconds=15)


@dataclass(frozen=True)
class Duty:
    """Something done in every turn. ``run`` returns how many rows it handled; more than none asks for another turn."""

    name: str
    run: Callable[[], int]
    every: timedelta = timedelta()
    alone: bool = False
    """One replica at a time does it for all."""


class Replica(Protocol):
    """What this process is among the others on its database."""

    def may_work(self) -> bool:
        """Return whether it works at all; one that is superseded stands down."""

    def mine(self, duty: str) -> bool:
        """Return whether it is the one that does a duty for all."""


class Ticker:
    """Turns through the duties until stopped. A duty that fails is counted and logged; the others go on."""

    def __init__(self, duties: tuple[Duty, ...], clock: Clock, registry: CollectorRegistry, replica: Replica) -> None:
        self._duties = duties
        self._replica = replica
        self._clock = clock
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_run = dict.fromkeys((duty.name for duty in duties), float("-inf"))
        self._last_success: float | None = None
        self._log = get_log("ticker")
        self._success = Gauge(
            "wedsync_ticker_last_success_timestamp_seconds", "Last full turn of the loop.", registry=registry
        )
        self._failures = Counter(
            "wedsync_ticker_failures_total", "Turns of a duty that failed.", ["duty"], registry=registry
        )
        for duty in duties:
            self._failures.labels(duty.name)

    def wake(self) -> None:
        """Ask for a turn now."""
        self._wake.set()

    def start(self) -> None:
        """Begin turning, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the present turn."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def check(self) -> None:
        """Raise Unavailable when the loop has not completed a turn for a while."""
        last = self._last_success
        if last is None or self._clock.monotonic() - last > STALLED_AFTER.total_seconds():
            raise Unavailable("the loop that sends pages has not completed a turn lately")

    def turn(self) -> int:
        """Run every duty that is due once, if this replica works at all; returns how many rows were handled."""
        if not self._replica.may_work():
            return 0
        handled = 0
        whole = True
        for duty in self._duties:
            if self._clock.monotonic() < self._next_run[duty.name]:
                continue
            try:
                if not duty.alone or self._replica.mine(duty.name):
                    handled += duty.run()
            except Exception as error:  # noqa: BLE001 -- the top of the loop: one duty must not stop the others
                whole = False
                self._failures.labels(duty.name).inc()
                self._log.error("duty_failed", duty=duty.name, exc_info=error)
            self._next_run[duty.name] = self._clock.monotonic() + duty.every.total_seconds()
        if whole:
            self._last_success = self._clock.monotonic()
            self._success.set(self._clock.now().timestamp())
        return handled

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            if self.turn() == 0:
                self._wake.wait(TURN_SECONDS)
