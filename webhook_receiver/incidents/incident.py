"""The states of an incident, the moves between them, and the vocabulary of its log."""

from __future__ import annotations

from enum import StrEnum

from wedsync_core.problems import Conflict


class Status(StrEnum):
    """``open``: nobody has it. ``investigating``: acknowledged. ``in_progress``: being mended."""

    OPEN = "open"
    INVESTIGATING = "investigating"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"


ACTIVE = (Status.OPEN, Status.INVESTIGATING, Status.IN_PROGRESS)

_MOVES: dict[Status, frozenset[Status]] = {
    Status.OPEN: frozenset({Status.INVESTIGATING, Status.RESOLVED}),
    Status.INVESTIGATING: frozenset({Status.INVESTIGATING, Status.IN_PROGRESS, Status.OPEN, Status.RESOLVED}),
    Status.IN_PROGRESS: frozenset({Status.INVESTIGATING, Status.OPEN, Status.RESOLVED}),
    Status.RESOLVED: frozenset(),
}


class EventKind(StrEnum):
    """What an incident's log can say; closed, so that the absence of an entry means something."""

    OPENED = "opened"
    ALERT_FIRING = "alert_firing"
    ALERT_CHANGED = "alert_changed"
    ALERT_RESOLVED = "alert_resolved"
    ESCALATED = "escalated"
    NOBODY_REACHABLE = "nobody_reachable"
    PAGE_SENT = "page_sent"
    PAGE_FAILED = "page_failed"
    PAGE_CANCELLED = "page_cancelled"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGEMENT_EXPIRED = "acknowledgement_expired"
    RESOLVED = "resolved"
    NOTE = "note"


def require_move(incident_id: int, before: Status, after: Status) -> None:
    """Raise Conflict unless an incident may go from ``before`` to ``after``."""
    if after not in _MOVES[before]:
        raise Conflict(f"incident {incident_id} is {before.value}; it cannot become {after.value}")
