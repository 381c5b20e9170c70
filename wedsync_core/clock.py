"""Time comes from here and from nowhere else.

Everything that decides receives `now`; everything that runs receives a `Clock`. Moments are aware and in UTC.
"""

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, Protocol

NO_END: Final = datetime(1, 1, 1, tzinfo=UTC)
"""The zero time of Go. Alertmanager writes it as `endsAt` of an alert that has no end yet."""

# RFC 3339 section 5.6, any number of fractional digits (Go writes nanoseconds). Digits are ASCII only.
_RFC_3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,18}))?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))?"
)
_LONGEST_TIMESTAMP: Final = 64
# A machine that slept, or was paused whole, has let time pass: Linux' plain monotonic clock does not know.
_SINCE_SWITCHED_ON: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", None)


class Clock(Protocol):
    """What tells the time. Tests pass one that stands still."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards; only differences mean anything."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the present moment by the wall clock, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that may ask the machine

    def monotonic(self) -> float:
        """Return the machine's seconds since it was switched on; where it can tell, time asleep counts too."""
        if _SINCE_SWITCHED_ON is not None:
            return time.clock_gettime(_SINCE_SWITCHED_ON)
        return time.monotonic()  # noqa: TID251 - the one place that may ask the machine


def thread_seconds() -> float:
    """Return the processor's seconds that this thread has taken so far; only differences mean anything."""
    return time.thread_time()


def process_seconds() -> float:
    """Return the processor's seconds that all threads of this process have taken so far."""
    return time.process_time()


def require_aware(moment: datetime, name: str) -> datetime:
    """Return the moment in UTC. `name` is what the message calls it.

    Raises ValueError for a naive moment, whose zone could only be guessed, and for one that UTC cannot hold
    (the first or last hours of the calendar with an offset).
    """
    if moment.utcoffset() is None:
        raise ValueError(f"{name} has no time zone: {moment.isoformat()}")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{name} is outside the calendar: {moment.isoformat()}") from error


def parse_timestamp(text: str) -> datetime:
    """Return the moment an RFC 3339 text names, in UTC, nanoseconds cut to microseconds.

    Raises ValueError for anything else: no offset, a leap second (`:60`, which neither Python nor Go can hold),
    a day that does not exist, a moment outside the years 1 to 9999.
    """
    found = _RFC_3339.fullmatch(text) if len(text) <= _LONGEST_TIMESTAMP else None
    if found is None:
        raise ValueError(f"not an RFC 3339 timestamp: {text[:_LONGEST_TIMESTAMP]!r}")
    *date_and_time, fraction, zulu, sign, offset_hours, offset_minutes = found.groups()
    if zulu is None and sign is None:
        raise ValueError(f"timestamp has no time zone: {text!r}")
    year, month, day, hour, minute, second = (int(part) for part in date_and_time)
    offset = timedelta()
    if sign is not None:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            raise ValueError(f"timestamp has no possible offset: {text!r}")
        offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes)) * (-1 if sign == "-" else 1)
    microsecond = int((fraction or "")[:6].ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=timezone(offset))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"timestamp names no moment of the calendar: {text!r} ({error})") from error


def format_timestamp(moment: datetime) -> str:
    """Return the moment as RFC 3339 in UTC with milliseconds and `Z`. Raises ValueError for a naive moment."""
    return require_aware(moment, "moment").isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
