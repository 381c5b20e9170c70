"""Whether the reference clock has jumped: values in, a named reason out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

SLEWED = 2.0
"""Seconds. A difference up to this is followed at once and moves no due moment: a step may be this much off."""
UNNOTICED = 0.05
"""Seconds. Less than this is the noise of asking."""
LOST_PER_SECOND = 1e-4
"""How far two honest clocks may part while nobody compares them: a day is nine seconds."""


@dataclass(frozen=True)
class Reading:
    """The reference at a count of the machine's seconds, ``uncertain`` by so many seconds either way."""

    reference: datetime
    elapsed: float
    uncertain: float


@dataclass(frozen=True)
class Compared:
    """What to do about the difference ``by`` between the reference and the engine's clock."""

    verdict: str  # keep, slew, jump
    by: timedelta


def compare(expected: datetime, reading: Reading, *, unwatched: float = 0.0) -> Compared:
    """Compare the reference with what the engine's clock says.

    ``unwatched``: seconds in which nobody compared, as while the receiver was down.
    """
    by = reading.reference - expected
    apart = abs(by.total_seconds()) - reading.uncertain
    if apart <= UNNOTICED:
        return Compared("keep", by)
    if apart <= SLEWED + unwatched * LOST_PER_SECOND:
        return Compared("slew", by)
    return Compared("jump", by)
