"""Spans of time and times of day as people write them: ``30s``, ``5m``, ``2h``, ``7d``; ``"09:00"``."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WRITTEN = re.compile(r"([0-9]{1,6})([smhd])")
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def parse_duration(value: Any) -> timedelta:
    """Return the span that ``value`` names; raises ValueError for anything but digits and one of s, m, h, d."""
    if isinstance(value, timedelta):
        return value
    found = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a span as a whole number and a unit: 30s, 5m, 2h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def parse_time_of_day(value: Any) -> time:
    """Return the time of day; raises ValueError. Unquoted, YAML reads 17:00 as the number 1020, which is refused."""
    if isinstance(value, time):
        return value
    found = _TIME_OF_DAY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('write a time of day in quotes: "09:00"')
    return time(int(found[1]), int(found[2]))


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
TimeOfDay = Annotated[time, BeforeValidator(parse_time_of_day)]
