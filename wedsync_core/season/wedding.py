"""A real wedding and the hours that count as its day. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from wedsync_core.season.fields import InvalidField, moment_within_years
from wedsync_core.season.localtime import load_zone, local_date, wedding_day_window

LONGEST_WEDDING: Final = timedelta(days=14)
"""A longer one is a wrong year or month in the list; believed, it would make every day a wedding day."""
MOST_GUESTS: Final = 1_000_000
LONGEST_ID: Final = 200
"""Characters. The id stands in logs, pages and a database column."""


@dataclass(frozen=True)
class Wedding:
    """A wedding: `zone` is the venue's IANA key, the moments are aware (kept in UTC), the end is excluded.

    Raises InvalidField, naming the field.
    """

    wedding_id: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    region: str
    guest_count: int | None = None
    """None: not known."""

    def __post_init__(self) -> None:
        _require_plain_id(self.wedding_id)
        try:
            load_zone(self.zone)
        except ValueError as error:
            raise InvalidField("zone", str(error)) from error
        object.__setattr__(self, "starts_at", moment_within_years(self.starts_at, "starts_at"))
        object.__setattr__(self, "ends_at", moment_within_years(self.ends_at, "ends_at"))
        if self.ends_at <= self.starts_at:
            raise InvalidField("ends_at", "is not later than starts_at")
        if self.ends_at - self.starts_at > LONGEST_WEDDING:
            raise InvalidField("ends_at", f"is more than {LONGEST_WEDDING.days} days after starts_at")
        if self.guest_count is not None and not 0 <= self.guest_count <= MOST_GUESTS:
            raise InvalidField("guest_count", f"is not a number from 0 to {MOST_GUESTS}")

    @property
    def time_zone(self) -> ZoneInfo:
        """The venue's zone."""
        return load_zone(self.zone)

    def day_window(self) -> tuple[datetime, datetime]:
        """Return when the wedding's day opens and closes (excluded), in UTC.

        From 06:00 at the venue on the day it begins to 02:00 after the last day it touches, without a break between;
        stretched where the wedding itself runs outside. A party until 01:00 or 05:00 still belongs to the day before:
        the next day is touched only from its own 06:00.
        """
        zone = self.time_zone
        first_day, last_day = local_date(self.starts_at, zone), local_date(self.ends_at, zone)
        if self.ends_at <= wedding_day_window(last_day, zone)[0]:
            last_day -= timedelta(days=1)
        opens, _ = wedding_day_window(first_day, zone)
        _, closes = wedding_day_window(max(first_day, last_day), zone)
        return min(opens, self.starts_at), max(closes, self.ends_at)


def _require_plain_id(wedding_id: str) -> None:
    if not 0 < len(wedding_id) <= LONGEST_ID:
        raise InvalidField("wedding_id", f"is empty or longer than {LONGEST_ID} characters")
    # Control characters break log lines; surrogates cannot be stored or sent at all. Everything else is only text.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in wedding_id):
        raise InvalidField("wedding_id", "holds a control character or half of a surrogate pair")
