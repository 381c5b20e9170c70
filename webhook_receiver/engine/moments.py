"""Every kept moment, by what it measures. When the clock jumps, the elapsed ones move with it and the others stay."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ColumnElement, and_

from webhook_receiver.schema import (
    ACKNOWLEDGEMENTS,
    ANSWERS,
    ATTEMPTS,
    ENGINE,
    EPISODES,
    EVENTS,
    INBOX,
    INCIDENT_SERVICES,
    INCIDENTS,
    LEASES,
    LIVE_TICKETS,
    MAINTENANCE,
    NOTIFICATIONS,
    OVERRIDES,
    QUARANTINE,
    RULINGS,
    RUNBOOK_APPROVALS,
    RUNBOOK_RUNS,
    RUNBOOK_STEPS,
    SIGHTINGS,
    USED_LINKS,
)

_UNRESOLVED = INCIDENTS.c.status != "resolved"
_UNFINISHED = NOTIFICATIONS.c.state.in_(("queued", "sending"))
_FIRING = EPISODES.c.state == "firing"
_UNDER_WAY = RUNBOOK_RUNS.c.finished_at.is_(None)

ELAPSED: Final[tuple[tuple[Column[object], ColumnElement[bool] | None], ...]] = (
    # A suppressed incident waits for the end of its window, which is a moment of the calendar.
    (INCIDENTS.c.next_escalation_at, and_(_UNRESOLVED, INCIDENTS.c.suppressed_by.is_(None))),
    (INCIDENTS.c.acknowledgement_expires_at, _UNRESOLVED),
    (INCIDENTS.c.resolution_held_at, _UNRESOLVED),
    # A page held for quiet hours waits for their end, a moment of the calendar too.
    (NOTIFICATIONS.c.due_at, and_(_UNFINISHED, NOTIFICATIONS.c.hold.is_distinct_from("quiet_hours"))),
    (NOTIFICATIONS.c.wanted_at, and_(_UNFINISHED, NOTIFICATIONS.c.hold.is_distinct_from("quiet_hours"))),
    (NOTIFICATIONS.c.lease_until, _UNFINISHED),
    (EPISODES.c.confirm_by, _FIRING),
    (EPISODES.c.resolve_held_at, _FIRING),
    (EPISODES.c.absent_since, _FIRING),
    # Set back, a message whose request died would wait for the clock to come there again.
    (INBOX.c.received_at, INBOX.c.state == "pending"),
    # Set forward, every Watchdog would be late at once.
    (SIGHTINGS.c.seen_at, None),
    (INCIDENT_SERVICES.c.last_alert_at, None),
    (LEASES.c.until, None),
    (LIVE_TICKETS.c.expires_at, None),
    (RUNBOOK_RUNS.c.due_at, _UNDER_WAY),
    (RUNBOOK_RUNS.c.deadline_at, _UNDER_WAY),
    (RUNBOOK_RUNS.c.clear_since, _UNDER_WAY),
    (RUNBOOK_RUNS.c.lease_until, _UNDER_WAY),
)
"""What is compared with a time span, and the rows in which it still is."""

RECENT: Final[tuple[Column[object], ...]] = (
    # How many messages a person had lately.
    ATTEMPTS.c.started_at,
    # How long ago an alert cleared, and was last seen.
    EPISODES.c.resolved_at,
    EPISODES.c.first_seen_at,
    EPISODES.c.last_seen_at,
    # How long a target cools down, how many runs there were, how long a breaker is open.
    RUNBOOK_RUNS.c.started_at,
    RUNBOOK_RUNS.c.finished_at,
)
"""Records that "lately" is counted from. Those that lie in the future after a jump back move; the past stays."""

CALENDAR: Final[tuple[Column[object], ...]] = (
    INCIDENTS.c.next_judgement_at,
    MAINTENANCE.c.starts_at,
    MAINTENANCE.c.ends_at,
    OVERRIDES.c.starts_at,
    OVERRIDES.c.ends_at,
    # Told by others, by their clocks.
    EPISODES.c.starts_at,
    EPISODES.c.ends_at,
)
"""What means a moment at somebody's place."""

RECORDS: Final[tuple[Column[object], ...]] = (
    QUARANTINE.c.quarantined_at,
    INCIDENTS.c.escalated_at,
    INCIDENTS.c.acknowledged_at,
    INCIDENTS.c.created_at,
    INCIDENTS.c.updated_at,
    INCIDENTS.c.resolved_at,
    EVENTS.c.created_at,
    NOTIFICATIONS.c.created_at,
    NOTIFICATIONS.c.finished_at,
    ANSWERS.c.created_at,
    ATTEMPTS.c.finished_at,
    ACKNOWLEDGEMENTS.c.acknowledged_at,
    USED_LINKS.c.used_at,
    OVERRIDES.c.created_at,
    OVERRIDES.c.cancelled_at,
    MAINTENANCE.c.created_at,
    MAINTENANCE.c.cancelled_at,
    RULINGS.c.created_at,
    ENGINE.c.updated_at,
    RUNBOOK_RUNS.c.created_at,
    RUNBOOK_STEPS.c.started_at,
    RUNBOOK_STEPS.c.finished_at,
    RUNBOOK_APPROVALS.c.approved_at,
)
"""What says when something was done, by the clock of that moment."""
