"""Answers go before what is worked off behind them: both share one interpreter and, on SQLite, one writer.

Alertmanager gives a flush up after ten seconds and sends it again, so that a storm whose answers wait grows. Work
behind the answers therefore rests while requests come, until they have had a fixed multiple of the time it has just
taken: it slows down and never stops.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from wedsync_core.clock import Clock, process_seconds

RESTS = 2.0
"""What requests get for each of the processor's seconds that was worked behind them: two thirds of all."""
LONGEST_REST = 0.25
"""Seconds by the clock, whoever got how much meanwhile: a page must go out in a storm too."""
COMING = 0.05
"""Seconds after the last of several requests in which more are expected."""
_GLANCE = 0.005


class Precedence:
    """Counts requests under way. ``rest`` is called by loops, between two transactions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._pause = threading.Event()  # never set: only waited for
        self._under_way = 0
        self._crowded_at = float("-inf")
        self._free_at = float("-inf")

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count a request for as long as it is under way."""
        with self._lock:
            self._under_way += 1
            if self._under_way > 1:
                self._crowded_at = self._clock.monotonic()
        try:
            yield
        finally:
            with self._lock:
                if self._under_way > 1:
                    self._crowded_at = self._clock.monotonic()
                self._under_way -= 1

    @property
    def pressed(self) -> bool:
        """Whether a request is under way, or several were a moment ago."""
        return self._under_way > 0 or self._clock.monotonic() - self._crowded_at < COMING

    def rest(self, worked: float) -> None:
        """After so many of the processor's seconds, let requests have theirs while they come.

        All who rest share one measure, the processor's time: on a busy machine a moment's rest gives nobody anything.
        """
        if not self.pressed:
            return
        wait_until = self._clock.monotonic() + LONGEST_REST
        with self._lock:
            free_at = self._free_at = max(self._free_at, process_seconds()) + RESTS * worked
        while self.pressed and process_seconds() < free_at and self._clock.monotonic() < wait_until:
            self._pause.wait(_GLANCE)
