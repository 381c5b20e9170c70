"""Keeps distances in time when the reference clock jumps, for all replicas at once, and across a restart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from webhook_receiver.engine import store
from webhook_receiver.engine.clock import EngineClock
from webhook_receiver.engine.metrics import EngineMetrics
from webhook_receiver.engine.timing import SLEWED, Reading, compare
from wedsync_core.clock import format_timestamp, parse_timestamp
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

NAME = "clock"
WRITTEN_EVERY = 10.0
"""Seconds between two notes of how late it was, for the next start."""
TOO_UNSURE = 0.5
"""Seconds. An answer that took longer says too little about now."""
STRAGGLERS = 60.0
"""Seconds after a jump back in which somebody may still write by the old clock."""
_FIRST = {"shifted": 0.0}


@dataclass(frozen=True)
class Noted:
    """How late it was in an earlier life, by both clocks, and in which life of the machine."""

    reference: datetime
    elapsed: float
    boot: str


class Timekeeping:
    """Compares the engine's clock with its reference. The shared row says how far all due moments were moved so far.

    ``boot`` names the machine's present life, within which its count of seconds goes on; None where that is unknown
    or where the reference is not this machine's: then a restart trusts the reference.
    """

    def __init__(self, *, database: Database, clock: EngineClock, metrics: EngineMetrics, boot: str | None) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._boot = boot
        self._shifted = 0.0
        self._written = float("-inf")
        self._stragglers_until = float("-inf")
        self._log = get_log("engine")

    def begin(self) -> None:
        """Learn how far others moved things, and move them on by a jump that came while nobody was there."""
        reading = self._clock.read()
        with self._database.write() as transaction:
            kept = store.held_state(transaction, NAME, _FIRST, reading.reference)
            noted = self._noted(kept)
            by = timedelta()
            if noted is not None:
                away = reading.elapsed - noted.elapsed
                compared = compare(noted.reference + timedelta(seconds=away), reading, unwatched=away)
                by = compared.by if compared.verdict == "jump" else by
            shifted = self._move(transaction, kept, by, reading)
        self._settle(reading, by, shifted)

    def look(self) -> int:
        """Compare once; returns 0, as the loop need not turn again for it. Raises Unavailable."""
        reading = self._clock.read()
        if reading.uncertain > TOO_UNSURE:
            return 0
        compared = compare(self._clock.at(reading.elapsed), reading)
        self._metrics.difference.set(compared.by.total_seconds())
        if compared.verdict == "jump":
            self._jumped(reading, compared.by)
        elif compared.verdict == "slew":
            self._clock.anchor(reading)
        self._after(reading)
        return 0

    def follow(self, shifted: float) -> None:
        """Take over what another replica found: ``shifted`` is the shared row's sum."""
        if shifted != self._shifted:
            self.look()

    def end(self) -> None:
        """Note how late it is, for the next start."""
        try:
            self._note(self._clock.read())
        except Unavailable as error:
            self._log.warning("clock_not_noted", problem=error.detail)

    def _jumped(self, reading: Reading, by: timedelta) -> None:
        with self._database.write() as transaction:
            kept = store.held_state(transaction, NAME, _FIRST, reading.reference)
            # What another replica has moved since we last looked is not moved again.
            left = by - timedelta(seconds=kept["shifted"] - self._shifted)
            left = left if abs(left.total_seconds()) > SLEWED else timedelta()
            shifted = self._move(transaction, kept, left, reading)
        self._settle(reading, by, shifted)

    def _move(self, transaction: Transaction, kept: dict[str, Any], by: timedelta, reading: Reading) -> float:
        """Move all due moments, if there is anything to move them by; returns the new sum."""
        shifted: float = kept["shifted"]
        if by:
            store.shift_elapsed(transaction, by, reading.reference)
            shifted += by.total_seconds()
            value = {"shifted": shifted, **self._note_of(reading)}
            store.keep_state(transaction, NAME, value, reading.reference)
        return shifted

    def _settle(self, reading: Reading, by: timedelta, shifted: float) -> None:
        # After the commit: had it failed, the clock is as it was, and the next look finds the jump again.
        self._clock.anchor(reading)
        self._shifted = shifted
        if not by:
            return
        if by < timedelta():
            self._stragglers_until = reading.elapsed + STRAGGLERS
        self._metrics.jumps.labels("forward" if by > timedelta() else "backward").inc()
        self._log.error("clock_jumped", seconds=round(by.total_seconds(), 3))

    def _after(self, reading: Reading) -> None:
        if reading.elapsed <= self._stragglers_until:
            with self._database.write() as transaction:
                store.wake_stragglers(transaction, self._clock.now())
        if self._boot is not None and reading.elapsed - self._written >= WRITTEN_EVERY:
            self._note(reading)

    def _note(self, reading: Reading) -> None:
        if self._boot is None:
            return
        with self._database.write() as transaction:
            kept = store.held_state(transaction, NAME, _FIRST, reading.reference)
            store.keep_state(transaction, NAME, {**kept, **self._note_of(reading)}, reading.reference)
        self._written = reading.elapsed

    def _note_of(self, reading: Reading) -> dict[str, Any]:
        if self._boot is None:
            return {}
        return {"reference": format_timestamp(reading.reference), "elapsed": reading.elapsed, "boot": self._boot}

    def _noted(self, kept: dict[str, Any]) -> Noted | None:
        if self._boot is None or kept.get("boot") != self._boot:
            return None
        return Noted(parse_timestamp(kept["reference"]), kept["elapsed"], kept["boot"])


def machine_life(path: Path = Path("/proc/sys/kernel/random/boot_id")) -> str | None:
    """Return the name of the machine's present life: from one start of it to the next. None where it has none."""
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
