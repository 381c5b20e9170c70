"""What a caller asks the list of incidents for. Each wrong parameter is refused by its name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from webhook_receiver.incidents.incident import ACTIVE, Status
from wedsync_core.clock import parse_timestamp
from wedsync_core.problems import FieldProblem, Invalid
from wedsync_core.severity import Severity

ACTIVE_WORD = "active"
"""Every status that is not over."""


@dataclass(frozen=True)
class Search:
    """What is looked for; an absent condition fits everything. ``before``: numbers below this one."""

    statuses: frozenset[str] | None = None
    severities: frozenset[str] | None = None
    service: str | None = None
    region: str | None = None
    opened_from: datetime | None = None
    opened_to: datetime | None = None
    before: int | None = None


def read_search(arguments: Mapping[str, str]) -> Search:
    """Return what the query parameters ask for; raises Invalid naming the parameter."""
    statuses = _names(arguments, "status", {*(status.value for status in Status), ACTIVE_WORD})
    if statuses and ACTIVE_WORD in statuses:
        statuses = (statuses - {ACTIVE_WORD}) | {status.value for status in ACTIVE}
    opened_from, opened_to = _moment(arguments, "from"), _moment(arguments, "to")
    if opened_from and opened_to and opened_to <= opened_from:
        raise _invalid("to", "must be later than `from`")
    return Search(
        statuses=statuses,
        severities=_names(arguments, "severity", {severity.value for severity in Severity}),
        service=arguments.get("service") or None,
        region=arguments.get("region") or None,
        opened_from=opened_from,
        opened_to=opened_to,
        before=read_cursor(arguments),
    )


def read_cursor(arguments: Mapping[str, str]) -> int | None:
    """Return the number that an earlier answer's ``next`` names; raises Invalid."""
    text = arguments.get("cursor")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise _invalid("cursor", "must be the `next` of an earlier answer")
    return int(text)


def read_limit(arguments: Mapping[str, str], most: int) -> int:
    """Return how many are asked for, ``most`` by default; raises Invalid."""
    text = arguments.get("limit", str(most))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= most):
        raise _invalid("limit", f"must be a whole number from 1 to {most}")
    return int(text)


def _names(arguments: Mapping[str, str], parameter: str, known: Collection[str]) -> frozenset[str] | None:
    if parameter not in arguments:
        return None
    names = frozenset(name.strip() for name in arguments[parameter].split(","))
    unknown = sorted(names - set(known))
    if unknown:
        raise _invalid(parameter, f"there is no {parameter} {unknown[0][:64]!r}; there is: {', '.join(sorted(known))}")
    return names


def _moment(arguments: Mapping[str, str], parameter: str) -> datetime | None:
    if parameter not in arguments:
        return None
    try:
        return parse_timestamp(arguments[parameter])
    except ValueError as error:
        raise _invalid(parameter, str(error)) from error


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", FieldProblem(field, message))
