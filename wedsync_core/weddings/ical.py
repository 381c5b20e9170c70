"""iCalendar text (RFC 5545) taken apart into rows of text. Pure: what a row means is decided elsewhere."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, Final

from icalendar import Component, Event
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from wedsync_core.season import InvalidField
from wedsync_core.season.localtime import first_moment, load_zone
from wedsync_core.weddings.rows import Row, Rows, UnreadableList

FIELD_NAMES: Final = {
    "wedding_id": "UID",
    "region": "region",
    "zone": "TZID",
    "starts_at": "DTSTART",
    "ends_at": "DTEND",
    "guest_count": "X-WEDSYNC-GUESTS",
}
"""What a column of the tables is called in a calendar. The region stands in one of several properties."""

_ONCE: Final = ("UID", "DTSTART", "DTEND", "DURATION")
_READ: Final = {*_ONCE, "CATEGORIES", "LOCATION"}
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


def read_ical(text: str, regions: Collection[str]) -> Rows:
    """Yield the events of a calendar. Raises UnreadableList when it is no calendar or was cut short.

    Each event is parsed apart, so that a broken one cannot take the others with it. Time zones go by their names:
    the calendar's own VTIMEZONE definitions are not read.
    """
    lines = _LINE_END.split(text)
    marks = [line.strip().upper() for line in lines if line.strip()]
    if not marks or marks[0] != "BEGIN:VCALENDAR":
        raise UnreadableList("the calendar does not begin with BEGIN:VCALENDAR")
    if marks[-1] != "END:VCALENDAR":
        raise UnreadableList("the calendar does not end with END:VCALENDAR: it was cut short")
    calendar_zone, position = "", 0
    block: list[str] = []
    for line in lines:
        mark = line.rstrip().upper()
        if block and mark in {"BEGIN:VEVENT", "END:VCALENDAR"}:
            yield Row(position, {}, InvalidField("VEVENT", "does not end with END:VEVENT"))
            block = []
        if mark == "BEGIN:VEVENT":
            position += 1
        if block or mark == "BEGIN:VEVENT":
            block.append(line)
        elif mark.startswith("X-WR-TIMEZONE:"):
            calendar_zone = line.partition(":")[2].strip()
        if block and mark == "END:VEVENT":
            yield _event_row(position, block, calendar_zone, regions)
            block = []


def _event_row(position: int, block: list[str], calendar_zone: str, regions: Collection[str]) -> Row:
    try:
        event = Event.from_ical("\r\n".join(block))
        _refuse_unparsed(event)
        texts = _event_texts(event, calendar_zone, regions)
        return Row(position, texts, cancelled=_text(event, "STATUS").upper() == "CANCELLED")
    except InvalidField as problem:
        return Row(position, {}, problem)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, OSError) as error:
        # What the library's parser raises on mangled input; the last for a TZID that is a folder of zones.
        return Row(position, {}, InvalidField("VEVENT", f"cannot be read: {error}"[:200]))


def _refuse_unparsed(event: Component) -> None:
    # The library records a property that it could not parse instead of raising. Most of them are not read here.
    for name, reason in event.errors:
        if name in _READ:
            raise InvalidField(name, f"cannot be read: {reason}"[:200])


def _event_texts(event: Any, calendar_zone: str, regions: Collection[str]) -> dict[str, str]:
    for name in ("RRULE", "RDATE"):
        if name in event:
            raise InvalidField(name, "a wedding happens once: repeating events are not read")
    for name in _ONCE:
        if isinstance(event.get(name), list):
            raise InvalidField(name, "is given more than once")
    start = event.get("DTSTART")
    zone = _text(event, "X-WEDSYNC-ZONE") or (_zone_name(start) if start else "") or calendar_zone
    zone = WINDOWS_TO_OLSON.get(zone, zone)
    starts_at = _time_text(start, zone) if start else ""
    return {
        "wedding_id": _text(event, "UID"),
        "region": _region(event, regions),
        "zone": zone,
        "starts_at": starts_at,
        "ends_at": _end_text(event, starts_at, zone),
        "guest_count": _text(event, "X-WEDSYNC-GUESTS"),
    }


def _text(event: Any, name: str) -> str:
    value = event.get(name, "")
    return str(value[0] if isinstance(value, list) else value).strip()


def _region(event: Any, regions: Collection[str]) -> str:
    """Return the region named outright, else the first category or part of the location that is a region's name."""
    named = _text(event, "X-WEDSYNC-REGION")
    if named:
        return named
    value = event.get("CATEGORIES", [])
    groups = value if isinstance(value, list) else [value]
    words = [str(word).strip() for group in groups for word in group.cats]
    words += [part.strip() for part in _text(event, "LOCATION").split(",")]
    known = (word for word in words if word.lower() in regions)
    return next(known, ", ".join(word for word in words if word))


def _zone_name(value: Any) -> str:
    name = str(value.params.get("TZID", ""))
    return WINDOWS_TO_OLSON.get(name, name)


def _time_text(value: Any, zone: str) -> str:
    """Return a day, a wall time of the row's zone, or a moment, as text."""
    shown = value.dt
    if not isinstance(shown, datetime):
        return str(shown.isoformat())
    name = _zone_name(value)
    # The library's own idea of TZID (aliases, gaps, unknown names taken for no zone) is not used: only the wall time.
    wall = shown.replace(tzinfo=None, fold=0)
    if not name:
        return wall.isoformat() + ("" if shown.tzinfo is None else "Z")
    if name == zone:
        return wall.isoformat()
    try:
        return first_moment(wall.date(), wall.time(), load_zone(name)).isoformat()
    except ValueError as error:
        raise InvalidField("TZID", str(error)) from error


def _end_text(event: Any, starts_at: str, zone: str) -> str:
    """Return the end in the manner of the tables: a whole last day, or a time. Empty when the event has none."""
    end = event.get("DTEND")
    if end is not None:
        # Of whole days, iCalendar names the one after the last.
        whole_day = not isinstance(end.dt, datetime)
        return str((end.dt - timedelta(days=1)).isoformat()) if whole_day else _time_text(end, zone)
    if "DURATION" not in event or not starts_at:
        return ""
    length: timedelta = event["DURATION"].dt
    if "T" in starts_at:
        return (datetime.fromisoformat(starts_at) + length).isoformat()
    return (date.fromisoformat(starts_at) + length - timedelta(days=1)).isoformat()
