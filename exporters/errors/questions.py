"""Query parameters of the errors room, read and refused by name."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import request

from exporters.errors.query_store import Range
from wedsync_core.clock import parse_timestamp
from wedsync_core.problems import FieldProblem, Invalid, NotFound
from wedsync_core.settings.duration import parse_duration
from wedsync_core.severity import Severity

LONGEST_RANGE = timedelta(days=366)
PAGE = 50
LARGEST_PAGE = 200
LARGEST_ID = 2**63 - 1


def time_range(now: datetime) -> Range:
    """Return the time and severity that `timeRange` and `severity` name."""
    text = request.args.get("timeRange", "24h")
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise invalid("timeRange", str(error)) from error
    if not timedelta() < span <= LONGEST_RANGE:
        raise invalid("timeRange", f"must be more than nothing and at most {LONGEST_RANGE.days}d")
    severity = choice("severity", "", ("", *(severity.value for severity in Severity)))
    return Range(now - span, now, Severity(severity) if severity else None)


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """Return a parameter that has to be one of some words."""
    value = request.args.get(name, default)
    if value not in choices:
        raise invalid(name, f"must be one of {', '.join(choice for choice in choices if choice)}")
    return value


def limit() -> int:
    """Return how many are wanted."""
    text = request.args.get("limit")
    if text is None:
        return PAGE
    number = whole(text)
    if number is None:
        raise invalid("limit", "must be a whole number")
    if not 1 <= number <= LARGEST_PAGE:
        raise invalid("limit", f"must be from 1 to {LARGEST_PAGE}")
    return number


def cursor() -> tuple[datetime, str] | None:
    """Return the moment and the name that a cursor holds."""
    text = request.args.get("cursor")
    if text is None:
        return None
    moment, _, name = text.partition("~")
    try:
        return parse_timestamp(moment), name
    except ValueError as error:
        raise invalid("cursor", "must be the `next` of an earlier answer") from error


def numbered_cursor() -> tuple[datetime, int] | None:
    """Return the moment and the id that a cursor holds."""
    found = cursor()
    if found is None:
        return None
    number = whole(found[1])
    if number is None:
        raise invalid("cursor", "must be the `next` of an earlier answer")
    return found[0], number


def next_cursor(moment: datetime, name: object) -> str:
    """Return what the next question is asked with."""
    # Without a plus sign: it would be a blank in a query that is not encoded.
    return moment.isoformat().replace("+00:00", "Z") + f"~{name}"


def known_id(group_id: int) -> int:
    """Return an id that a database takes; raises NotFound for a larger one."""
    if group_id > LARGEST_ID:
        raise NotFound(f"there is no error group {group_id}")
    return group_id


def whole(text: str) -> int | None:
    """Return the number in at most 18 ASCII digits, which every database takes."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def invalid(field: str, message: str) -> Invalid:
    """Return the refusal of a parameter."""
    return Invalid(f"{field}: {message}", FieldProblem(field, message))
