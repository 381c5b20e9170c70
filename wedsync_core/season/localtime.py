"""Wall-clock times at a venue, turned into moments. Pure, and exact on the nights the clocks change.

A wall time that a gap skips means the first moment after the gap. A wall time shown twice is resolved by the caller's
choice of function, `first_moment` or `last_moment`, so that a window always covers both.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MIDNIGHT: Final = time(0)
WEDDING_DAY_OPENS: Final = time(6)
"""Suppliers load in and upload from early morning."""
WEDDING_DAY_CLOSES: Final = time(2)
"""Of the next day: parties end, and the night's photos are still being sent."""

# In the zone database, but not places: the machine's own zone, counted leap seconds, and duplicates of the rest.
_NOT_PLACES: Final = ("localtime", "posixrules", "Factory", "posix/", "right/")
_ONE_DAY: Final = timedelta(days=1)


def load_zone(key: str) -> ZoneInfo:
    """Return the zone of an IANA key such as `Europe/London`; raises ValueError when there is none."""
    if key and not key.startswith(_NOT_PLACES):
        try:
            return ZoneInfo(key)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # a path outside the database, a folder such as `Europe`, an empty part: all of them no zone
    raise ValueError(f"there is no time zone {key[:64]!r}")


def first_moment(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the first moment, in UTC, at which the zone's clocks show `wall` on `day`."""
    return _moment(datetime.combine(day, wall), zone, last=False)


def last_moment(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the last moment, in UTC, at which the zone's clocks show `wall` on `day`."""
    return _moment(datetime.combine(day, wall), zone, last=True)


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """Return the zone's date at `moment`; it never runs backwards.

    A day has begun when its midnight was shown for the first time, also where clocks then go back before midnight.
    """
    shown = moment.astimezone(zone).date()
    return shown + _ONE_DAY if moment >= first_moment(shown + _ONE_DAY, MIDNIGHT, zone) else shown


def shown_time(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return what the zone's clocks show at `moment`, with the offset of that moment.

    The offset is fixed: a time of a zone whose clocks show it twice equals no other moment, not even itself in UTC
    (PEP 495), and would break every comparison made with it.
    """
    return moment.astimezone(timezone(moment.astimezone(zone).utcoffset() or timedelta()))


def wedding_day_window(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when the wedding day of `day` opens (06:00) and closes (02:00 the next day, excluded), in UTC."""
    return first_moment(day, WEDDING_DAY_OPENS, zone), last_moment(day + _ONE_DAY, WEDDING_DAY_CLOSES, zone)


def _moment(wall: datetime, zone: ZoneInfo, *, last: bool) -> datetime:
    # PEP 495: in a gap or an overlap, fold 0 answers with the offset before the change and fold 1 with the one after.
    before = zone.utcoffset(wall) or timedelta()
    after = zone.utcoffset(wall.replace(fold=1)) or timedelta()
    if after > before:
        return _end_of_gap(wall, zone, before, after)
    return (wall - (after if last else before)).replace(tzinfo=UTC)


def _end_of_gap(wall: datetime, zone: ZoneInfo, before: timedelta, after: timedelta) -> datetime:
    """Return the moment of the change itself: found by halving, to the second, as the database states it."""
    low = (wall - after).replace(tzinfo=UTC, microsecond=0)
    high = (wall - before).replace(tzinfo=UTC, microsecond=0) + timedelta(seconds=1)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
