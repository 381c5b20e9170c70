"""The routes of errors. Each parses, calls once, responds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request

from exporters.errors import query_store
from exporters.errors.contract import ErrorReport, Refused
from exporters.errors.intake import CalendarFacts, ErrorIntake, Receipt
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.presentation import (
    present_calendar,
    present_counts,
    present_group,
    present_item,
    present_occurrence,
    present_range,
    present_taken,
)
from exporters.errors.query_store import GROUP_BY, Range
from wedsync_core.clock import Clock, parse_timestamp
from wedsync_core.problems import FieldProblem, Invalid, Malformed, NotFound, TooLarge
from wedsync_core.settings.duration import parse_duration
from wedsync_core.severity import Severity
from wedsync_core.storage import Database
from wedsync_core.web.application import API
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import MIB, read_json
from wedsync_core.web.operations import Parameter, operation
from wedsync_core.web.responses import json_response

LARGEST_BODY = 2 * MIB
"""A hundred reports with long stack traces; the instrumented services send twenty shorter ones."""
LONGEST_RANGE = timedelta(days=366)
MOST_KEYS = 100
PAGE = 50
LARGEST_PAGE = 200

_TAKEN_EXAMPLE = {"errorId": "0af7651916cd43dd8448eb211c80319c", "severity": "critical", "alertTriggered": True}


def create_errors_blueprint(
    *, intake: ErrorIntake, database: Database, calendar: CalendarFacts, clock: Clock, metrics: ErrorMetrics
) -> Blueprint:
    """Return the routes under ``/api/monitoring/errors``."""
    room = Blueprint("errors", __name__, url_prefix=f"{API}/errors")

    @room.post("")
    @operation(
        'Report an error, or several as {"errors": [...]}', {Role.INGEST}, body=ErrorReport, example=_TAKEN_EXAMPLE
    )
    def submit() -> Response:
        started = clock.monotonic()
        try:
            receipt = intake.take(_body(metrics))
        finally:
            metrics.seconds.observe(clock.monotonic() - started)
        return _answer(receipt)

    @room.get("")
    @operation(
        "Errors of a time range, counted by what they have in common, and the latest of them",
        {Role.VIEWER},
        parameters=(
            Parameter("timeRange", "How far back, such as 30m, 24h or 7d.", "24h"),
            Parameter("severity", "Only this severity.", choices=tuple(severity.value for severity in Severity)),
            Parameter("groupBy", "What to count by.", "error_type", tuple(GROUP_BY)),
            Parameter("limit", f"How many of the latest errors, up to {LARGEST_PAGE}.", str(PAGE)),
            Parameter("cursor", "The `next` of the page before."),
        ),
    )
    def analytics() -> Response:
        now = clock.now()
        wanted, by = _range(now), _choice("groupBy", "error_type", tuple(GROUP_BY))
        limit, before = _limit(), _number("cursor")
        with database.read() as transaction:
            counts = query_store.counts_by(transaction, wanted, by, MOST_KEYS)
            users = query_store.users_by(transaction, wanted, by, sorted({row.key for row in counts}))
            total = query_store.total(transaction, wanted)
            rows = query_store.occurrences(transaction, wanted, limit=limit + 1, before=before)
        return json_response(
            {
                "timeRange": request.args.get("timeRange", "24h"),
                **present_range(wanted.since, wanted.until),
                "severity": wanted.severity.value if wanted.severity else None,
                "groupBy": by,
                "total": total,
                "groups": present_counts(counts, users),
                "errors": [present_occurrence(row) for row in rows[:limit]],
                "next": str(rows[limit - 1].id) if len(rows) > limit else None,
                "weddingContext": present_calendar(calendar(now)),
            }
        )

    @room.get("/groups")
    @operation(
        "Groups of errors that are one error, the latest seen first",
        {Role.VIEWER},
        parameters=(
            Parameter("limit", f"How many, up to {LARGEST_PAGE}.", str(PAGE)),
            Parameter("cursor", "The `next` of the page before."),
        ),
    )
    def groups() -> Response:
        limit, before = _limit(), _group_cursor()
        with database.read() as transaction:
            rows = query_store.groups(transaction, limit=limit + 1, before=before)
        last = rows[limit - 1] if len(rows) > limit else None
        following = f"{last.last_seen_at.isoformat()}~{last.id}" if last is not None else None
        return json_response({"groups": [present_group(row) for row in rows[:limit]], "next": following})

    @room.get("/groups/<int:group_id>")
    @operation("One group, why its errors are one, and the latest of them", {Role.VIEWER})
    def group(group_id: int) -> Response:
        with database.read() as transaction:
            row = query_store.find_group(transaction, group_id) if group_id <= _LARGEST_ID else None
            if row is None:
                raise NotFound(f"there is no error group {group_id}")
            latest = query_store.occurrences(transaction, None, limit=PAGE, group=group_id)
        return json_response({**present_group(row), "errors": [present_occurrence(one) for one in latest]})

    return room


_LARGEST_ID = 2**63 - 1


def _body(metrics: ErrorMetrics) -> Any:
    try:
        return read_json(request, LARGEST_BODY)
    except TooLarge:
        metrics.refused.labels("too_large").inc()
        raise
    except Malformed:
        metrics.refused.labels("malformed").inc()
        raise


def _answer(receipt: Receipt) -> Response:
    """Answer for a single report as the specification does; for a batch, item by item."""
    stored = any(not isinstance(item, Refused) and not item.duplicate for item in receipt.items)
    status = 201 if stored else 200
    if receipt.single:
        item = receipt.items[0]
        if isinstance(item, Refused):
            raise item.problem
        return json_response(present_taken(item), status)
    results = [present_item(index, item) for index, item in enumerate(receipt.items)]
    refused = sum(isinstance(item, Refused) for item in receipt.items)
    # Never 4xx for a batch that could be read: the client would send the good ones again.
    return json_response({"results": results, "recorded": len(results) - refused, "refused": refused}, status)


def _range(now: datetime) -> Range:
    text = request.args.get("timeRange", "24h")
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise _invalid("timeRange", str(error)) from error
    if not timedelta() < span <= LONGEST_RANGE:
        raise _invalid("timeRange", f"must be more than nothing and at most {LONGEST_RANGE.days}d")
    severity = _choice("severity", "", ("", *(severity.value for severity in Severity)))
    return Range(now - span, now, Severity(severity) if severity else None)


def _choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = request.args.get(name, default)
    if value not in choices:
        raise _invalid(name, f"must be one of {', '.join(choice for choice in choices if choice)}")
    return value


def _limit() -> int:
    limit = _number("limit")
    if limit is None:
        return PAGE
    if not 1 <= limit <= LARGEST_PAGE:
        raise _invalid("limit", f"must be from 1 to {LARGEST_PAGE}")
    return limit


def _number(name: str) -> int | None:
    text = request.args.get(name)
    if text is None:
        return None
    number = _whole(text)
    if number is None:
        raise _invalid(name, "must be a whole number")
    return number


def _group_cursor() -> tuple[datetime, int] | None:
    text = request.args.get("cursor")
    if text is None:
        return None
    seen_at, _, id_text = text.partition("~")
    group_id = _whole(id_text)
    try:
        moment = parse_timestamp(seen_at)
    except ValueError:
        moment = None
    if moment is None or group_id is None:
        raise _invalid("cursor", "must be the `next` of an earlier answer")
    return moment, group_id


def _whole(text: str) -> int | None:
    """Return the number in at most 18 ASCII digits, which every database takes."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", FieldProblem(field, message))
