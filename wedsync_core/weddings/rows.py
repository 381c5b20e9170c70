"""One row of a wedding list, as text, into a wedding. The three formats meet here. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from wedsync_core.clock import parse_timestamp
from wedsync_core.season import FIRST_YEAR, LAST_YEAR, InvalidField, Region, Wedding
from wedsync_core.season.localtime import (
    MIDNIGHT,
    first_moment,
    last_moment,
    load_zone,
    local_date,
    wedding_day_window,
)

COLUMNS: Final = ("wedding_id", "region", "zone", "starts_at", "ends_at", "guest_count")
REQUIRED_COLUMNS: Final = ("wedding_id", "region", "starts_at")

_TIME: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<minute>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2}(?:\.[0-9]{1,9})?)?(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_GUESTS: Final = re.compile(r"[0-9]{1,9}")
_SHOWN: Final = 64
"""Characters of a wrong value that a message repeats."""


class UnreadableList(ValueError):
    """The document as a whole is no wedding list. Trying again cannot help until whoever exports it mends it."""


@dataclass(frozen=True)
class RefusedRow:
    """Why one row is not used. `position` counts from 1: lines of a CSV file, else entries."""

    unit: Literal["line", "entry"]
    position: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.unit} {self.position}: {self.field}: {self.reason}"


@dataclass(frozen=True)
class Row:
    """What a reader found at a position: the texts by column, or what is wrong with the whole row."""

    position: int
    texts: Mapping[str, str]
    problem: InvalidField | None = None
    cancelled: bool = False


Rows = Iterator[Row]


def wedding_of(texts: Mapping[str, str], regions: Mapping[str, Region]) -> Wedding:
    """Return the wedding of a row; columns that are absent count as empty. Raises InvalidField, naming the column.

    `zone` is empty for the region's own. A time without an offset is in that zone. `starts_at` without a time is the
    whole local day; `ends_at` may be the last whole day, or empty: the same whole day, or when the wedding day closes.
    """
    cells = {column: texts.get(column, "").strip() for column in COLUMNS}
    for column in REQUIRED_COLUMNS:
        if not cells[column]:
            raise InvalidField(column, "is empty")
    region = regions.get(cells["region"].lower())
    if region is None:
        raise InvalidField("region", f"{cells['region'][:_SHOWN]!r} is none of {', '.join(sorted(regions))}")
    key = cells["zone"] or region.zone
    zone = _zone(key)
    return Wedding(
        wedding_id=cells["wedding_id"],
        zone=key,
        starts_at=_start(cells["starts_at"], zone),
        ends_at=_end(cells["ends_at"], cells["starts_at"], zone),
        region=region.name,
        guest_count=_guests(cells["guest_count"]),
    )


def _zone(key: str) -> ZoneInfo:
    try:
        return load_zone(key)
    except ValueError as error:
        raise InvalidField("zone", str(error)) from error


def _start(text: str, zone: ZoneInfo) -> datetime:
    value = _read_time(text, "starts_at")
    if not isinstance(value, datetime):
        return first_moment(value, MIDNIGHT, zone)
    return value if value.tzinfo else first_moment(value.date(), value.time(), zone)


def _end(text: str, start: str, zone: ZoneInfo) -> datetime:
    if not text and len(start) > len("2026-06-13"):
        return wedding_day_window(local_date(_start(start, zone), zone), zone)[1]
    value = _read_time(text or start, "ends_at")
    if not isinstance(value, datetime):
        return first_moment(value + timedelta(days=1), MIDNIGHT, zone)
    return value if value.tzinfo else last_moment(value.date(), value.time(), zone)


def _read_time(text: str, column: str) -> date | datetime:
    """Return a day, a wall time or a moment, whichever the text names."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise InvalidField(column, f"{text[:_SHOWN]!r} is not a time such as 2026-06-13T15:00")
    day, minute, second, offset = found["day"], found["minute"], found["second"] or ":00", found["offset"]
    if not FIRST_YEAR <= int(day[:4]) <= LAST_YEAR:
        raise InvalidField(column, f"{day[:4]} is outside the years {FIRST_YEAR} to {LAST_YEAR}")
    try:
        if minute is None:
            return date.fromisoformat(day)
        # A wall time is checked as if it were UTC, and then stripped: its offset is the venue's to give.
        moment = parse_timestamp(f"{day}T{minute}{second}{offset or 'Z'}")
    except ValueError as error:
        raise InvalidField(column, f"{text!r} does not exist") from error
    return moment if offset else moment.replace(tzinfo=None)


def _guests(text: str) -> int | None:
    if not text:
        return None
    if not _GUESTS.fullmatch(text):
        raise InvalidField("guest_count", f"{text[:_SHOWN]!r} is not a whole number")
    return int(text)
