"""Spans of time as people write them: ``30s``, ``5m``, ``2h``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_WRITTEN = re.compile(r"([0-9]{1,6})([smhd])")


def parse_duration(value: Any) -> timedelta:
    """Return the span that ``value`` names; raises ValueError for anything but digits and one of s, m, h, d."""
    if isinstance(value, timedelta):
        return value
    found = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a span as a whole number and a unit: 30s, 5m, 2h or 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
