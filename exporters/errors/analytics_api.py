"""What is asked of many errors: counts by what they have in common, the latest ones, and trends."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, request

from exporters.errors import life_store, query_store, tally_store, trending
from exporters.errors.classification import CalendarFacts
from exporters.errors.counting import Counting
from exporters.errors.patterns import Pattern
from exporters.errors.presentation import (
    present_calendar,
    present_counts,
    present_occurrence,
    present_range,
    present_trend,
)
from exporters.errors.questions import LARGEST_PAGE, PAGE, choice, limit, next_cursor, numbered_cursor, time_range
from exporters.errors.tally import DIMENSIONS
from exporters.errors.tally_store import Window
from wedsync_core.clock import Clock
from wedsync_core.settings.errors import ErrorRetention
from wedsync_core.severity import Severity
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.application import API
from wedsync_core.web.auth import Role
from wedsync_core.web.operations import Parameter, operation
from wedsync_core.web.responses import json_response

MOST_KEYS = 100
MOST_CORRELATIONS = 5
MOST_REMEMBERED = 32

_TIME_RANGE = Parameter("timeRange", "How far back, such as 30m, 24h or 7d; counts are of whole minutes.", "24h")


def create_analytics_blueprint(
    *, counting: Counting, database: Database, calendar: CalendarFacts, clock: Clock, retention: ErrorRetention
) -> Blueprint:
    """Return ``GET /api/monitoring/errors`` and ``GET /api/monitoring/errors/trends``."""
    room = Blueprint("error_analytics", __name__, url_prefix=f"{API}/errors")

    def window_of(since: datetime, now: datetime) -> Window:
        return trending.window_of(since, now, minutes_kept=retention.minutes, hours_kept=retention.hours)

    # Of the last few windows: a page is asked for again and again, and what groups share does not change in a minute.
    remembered: dict[Window, list[Pattern]] = {}

    def shared(transaction: Transaction, window: Window) -> list[Pattern]:
        found = remembered.get(window)
        if found is None:
            found = trending.find_patterns(transaction, window, MOST_CORRELATIONS)
            if len(remembered) >= MOST_REMEMBERED:
                remembered.clear()
            remembered[window] = found
        return found

    @room.get("")
    @operation(
        "Errors of a time range, counted by what they have in common, and the latest of them",
        {Role.VIEWER},
        parameters=(
            _TIME_RANGE,
            Parameter("severity", "Only this severity.", choices=tuple(severity.value for severity in Severity)),
            Parameter("groupBy", "What to count by.", "error_type", DIMENSIONS),
            Parameter("limit", f"How many of the latest errors, up to {LARGEST_PAGE}.", str(PAGE)),
            Parameter("cursor", "The `next` of the page before."),
        ),
    )
    def analytics() -> Response:
        now = clock.now()
        wanted, by = time_range(now), choice("groupBy", "error_type", DIMENSIONS)
        most, before = limit(), numbered_cursor()
        severity = wanted.severity.value if wanted.severity else None
        counting.catch_up()
        window = window_of(wanted.since, now)
        with database.read() as transaction:
            counts = tally_store.counts_by(transaction, by, window, severity, MOST_KEYS)
            roots = _roots(transaction, by, [row.key for row in counts])
            # Who had an error of a kind is known, not of which severity it was: that would be a row for each.
            known = severity is None or by == "severity"
            keys = roots or {row.key: row.key for row in counts}
            users = _users(transaction, by, keys, window) if known else None
            total = tally_store.total(transaction, window, severity)
            rows = query_store.occurrences(transaction, wanted, limit=most + 1, before=before)
            correlations = shared(transaction, window)
        last = rows[most - 1] if len(rows) > most else None
        return json_response(
            {
                "timeRange": request.args.get("timeRange", "24h"),
                **present_range(wanted.since, wanted.until),
                "severity": severity,
                "groupBy": by,
                "total": total,
                "groups": present_counts(counts, users, roots),
                "errors": [present_occurrence(row) for row in rows[:most]],
                "next": next_cursor(last.received_at, last.id) if last is not None else None,
                "weddingContext": present_calendar(calendar(now)),
                "correlations": [pattern.as_json() for pattern in correlations],
            }
        )

    @room.get("/trends")
    @operation(
        "The course of errors beside the weeks before; what spikes, what is new, and what groups have in common",
        {Role.VIEWER},
        parameters=(_TIME_RANGE,),
    )
    def trends() -> Response:
        now = clock.now()
        wanted = time_range(now)
        counting.catch_up()
        with database.read() as transaction:
            told = trending.trend(transaction, window_of(wanted.since, now), wanted.since, now)
        return json_response(
            {
                "timeRange": request.args.get("timeRange", "24h"),
                **present_range(wanted.since, wanted.until),
                **present_trend(told),
                "weddingContext": present_calendar(calendar(now)),
            }
        )

    return room


def _roots(transaction: Transaction, by: str, keys: list[str]) -> dict[str, str] | None:
    if by != "group":
        return None
    roots = life_store.roots_of(transaction, [int(key) for key in keys])
    return {str(group): str(root) for group, root in roots.items()}


def _users(transaction: Transaction, by: str, roots: dict[str, str], window: Window) -> dict[str, int]:
    """Count the users of each key; of merged groups each user once."""
    since = window.since * 1_000_000
    merged = sorted({root for group, root in roots.items() if group != root})
    found = tally_store.users_by(transaction, by, sorted({*roots.values()} - {*merged}), since)
    for root, of_it in life_store.members_of(transaction, [int(one) for one in merged]).items():
        found[str(root)] = sum(tally_store.users_of_groups(transaction, of_it, since).values())
    return found
