"""The engine's clock: elapsed time. It follows a reference, but a jump of the reference moves nothing by itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from webhook_receiver.engine.timing import Reading
from wedsync_core.clock import Clock


@dataclass(frozen=True)
class _Anchor:
    moment: datetime
    elapsed: float


class EngineClock:
    """``now`` is a moment of the reference plus the seconds that have passed since by the machine's own count.

    ``reference`` is the wall on SQLite. On PostgreSQL it is the database's clock: a replica whose own wall is wrong
    decides nothing by it. Raises what ``reference`` raises, when built.
    """

    def __init__(self, machine: Clock, reference: Callable[[], datetime]) -> None:
        self._machine = machine
        self._reference = reference
        self._lock = threading.Lock()
        reading = self.read()
        self._anchor = _Anchor(reading.reference, reading.elapsed)

    def now(self) -> datetime:
        """Return the present moment."""
        with self._lock:
            anchor = self._anchor
        return anchor.moment + timedelta(seconds=self._machine.monotonic() - anchor.elapsed)

    def monotonic(self) -> float:
        """Return the machine's own seconds."""
        return self._machine.monotonic()

    def read(self) -> Reading:
        """Ask the reference. Half of the time the question took is not known to belong before or after the answer."""
        before = self._machine.monotonic()
        moment = self._reference()
        after = self._machine.monotonic()
        return Reading(reference=moment, elapsed=(before + after) / 2, uncertain=(after - before) / 2)

    def at(self, elapsed: float) -> datetime:
        """Return what ``now`` was, or will be, at this count of the machine's seconds."""
        with self._lock:
            anchor = self._anchor
        return anchor.moment + timedelta(seconds=elapsed - anchor.elapsed)

    def anchor(self, reading: Reading) -> None:
        """Go on from a reading of the reference."""
        with self._lock:
            self._anchor = _Anchor(reading.reference, reading.elapsed)
