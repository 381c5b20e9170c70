"""Shifts of a rotation, and the windows in which a layer applies, as moments. Pure.

Hand-offs and window edges are wall times of the schedule's zone, turned into moments by ``first_moment``: a time that a
gap skips is the first moment after it, of a time shown twice the first showing counts. No span is ever added to a
moment, so a night shift has nine real hours on one night of the year and seven on another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Final
from zoneinfo import ZoneInfo

from wedsync_core.season.localtime import first_moment
from wedsync_core.settings import Restriction, Rotation

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Shift:
    """One turn of a rotation; ``number`` counts from 0 at the rotation's start, the end is excluded."""

    number: int
    person: str
    starts_at: datetime
    ends_at: datetime


def days_of_shift(rotation: Rotation) -> int:
    """Return how many calendar days a shift has."""
    return rotation.shifts * (7 if rotation.every == "week" else 1)


def shift_of(rotation: Rotation, zone: ZoneInfo, number: int) -> Shift:
    """Return the shift of that number, 0 or more."""
    days = days_of_shift(rotation)
    first_day = rotation.starts + timedelta(days=number * days)
    return Shift(
        number=number,
        person=rotation.people[number % len(rotation.people)],
        starts_at=first_moment(first_day, rotation.hand_off, zone),
        ends_at=first_moment(first_day + timedelta(days=days), rotation.hand_off, zone),
    )


def shift_at(rotation: Rotation, zone: ZoneInfo, moment: datetime) -> Shift | None:
    """Return the shift that holds at ``moment``; None before the rotation starts."""
    days_since = (moment.astimezone(zone).date() - rotation.starts).days
    # The date alone may be one shift off: before the hand-off of the day, or where a change of clocks moves the date.
    number = max(days_since // days_of_shift(rotation) + 1, 0)
    shift = shift_of(rotation, zone, number)
    while shift.starts_at > moment:
        if number == 0:
            return None
        number -= 1
        shift = shift_of(rotation, zone, number)
    return shift


def shifts(rotation: Rotation, zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[Shift]:
    """Yield the shifts that touch [begin, end), whole, in order: each ends where the next begins."""
    first = shift_at(rotation, zone, begin)
    for number in count(first.number if first else 0):
        shift = shift_of(rotation, zone, number)
        if shift.starts_at >= end:
            return
        if shift.starts_at < shift.ends_at:  # a day that a zone left out has no moments
            yield shift


def applies(restrictions: Sequence[Restriction], zone: ZoneInfo, moment: datetime) -> bool:
    """Return whether one of the windows is open at ``moment``; no restriction at all is always."""
    shown = moment.astimezone(zone).date()
    nearby = [shown - _ONE_DAY, shown, shown + _ONE_DAY]
    return not restrictions or any(
        opens <= moment < closes for one in restrictions for opens, closes in _windows(one, zone, nearby)
    )


def open_times(
    restrictions: Sequence[Restriction], zone: ZoneInfo, begin: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """Return the union of the windows within [begin, end), in order; windows that touch are one, none at all is all."""
    if not restrictions:
        return [(begin, end)]
    first_day, last_day = begin.astimezone(zone).date() - 2 * _ONE_DAY, end.astimezone(zone).date() + _ONE_DAY
    days = [first_day + timedelta(days=number) for number in range((last_day - first_day).days + 1)]
    merged: list[tuple[datetime, datetime]] = []
    for opens, closes in sorted(window for one in restrictions for window in _windows(one, zone, days)):
        if max(opens, begin) >= min(closes, end):
            continue
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], min(closes, end)))
        else:
            merged.append((max(opens, begin), min(closes, end)))
    return merged


def _windows(restriction: Restriction, zone: ZoneInfo, days: Iterable[date]) -> Iterator[tuple[datetime, datetime]]:
    past_midnight = restriction.ends <= restriction.begins
    for day in days:
        if _WEEKDAYS[day.weekday()] in restriction.days:
            closing_day = day + _ONE_DAY if past_midnight else day
            yield first_moment(day, restriction.begins, zone), first_moment(closing_day, restriction.ends, zone)
