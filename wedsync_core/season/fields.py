"""Refusals that name the field, and the years the calendar covers."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from wedsync_core.clock import require_aware

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2199
"""Nobody books earlier or later: a date outside is a slip of the pen, and Python's own calendar ends in 9999."""


class InvalidField(ValueError):
    """One field of a region or a wedding holds what it must not. Trying again cannot help; mend the field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def moment_within_years(moment: datetime, field: str) -> datetime:
    """Return the moment in UTC; raises InvalidField when it is naive or outside FIRST_YEAR to LAST_YEAR."""
    try:
        in_utc = require_aware(moment, field)
    except ValueError as error:
        raise InvalidField(field, f"{moment.isoformat()} has no time zone, or is outside the calendar") from error
    if not FIRST_YEAR <= in_utc.year <= LAST_YEAR:
        raise InvalidField(field, f"{in_utc.year} is outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return in_utc
