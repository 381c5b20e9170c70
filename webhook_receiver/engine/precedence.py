"""Answers go before what is worked off behind them: both share one interpreter and, on SQLite, one writer.

Alertmanager gives a flush up after ten seconds and sends it again, so that a storm whose answers wait grows. Work
behind the answers therefore rests while requests come, for a fixed multiple of the time it has just taken: it slows
down and never stops.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from wedsync_core.clock import Clock

RESTS = 2.0
"""Seconds of rest for each second of work while requests come: a third of the time is left for what was kept."""
LONGEST_REST = 0.25
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
                self._under_way -= 1

    @property
    def pressed(self) -> bool:
        """Whether several requests are under way, or were a moment ago."""
        return self._clock.monotonic() - self._crowded_at < COMING

    def rest(self, worked: float) -> None:
        """After so many seconds of work, let requests go first while they come. All who rest share one measure."""
        if not self.pressed:
            return
        with self._lock:
            now = self._clock.monotonic()
            until = self._free_at = min(max(self._free_at, now) + RESTS * worked, now + LONGEST_REST)
        while self.pressed and self._clock.monotonic() < until:
            self._pause.wait(_GLANCE)
