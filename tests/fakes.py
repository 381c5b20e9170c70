"""Fakes shared by the tests: small real objects in place of the machine's clock, network and people."""

from datetime import datetime, timedelta

from wedsync_core.clock import require_aware


class FakeClock:
    """A clock that stands still until it is moved. Wall and monotonic time advance together; `set` moves the wall only.

    The wall may be set backwards, as an operator or NTP may; monotonic time may not.
    """

    def __init__(self, start: datetime) -> None:
        self._now = require_aware(start, "start")
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, by: timedelta | None = None, *, seconds: float = 0.0) -> None:
        step = (by or timedelta()) + timedelta(seconds=seconds)
        if step < timedelta():
            raise ValueError("elapsed time is never negative: use set() to move the wall clock back")
        self._now += step
        self._monotonic += step.total_seconds()

    def set(self, moment: datetime) -> None:
        self._now = require_aware(moment, "moment")
