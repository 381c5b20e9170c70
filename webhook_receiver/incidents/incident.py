"""The states of an incident, the moves between them, and the vocabulary of its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from wedsync_core.clock import format_timestamp
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
    SUPPRESSED = "suppressed"
    WOKEN = "woken"
    ALERT_SUPPRESSED = "alert_suppressed"
    ALERT_ACTIVE_AGAIN = "alert_active_again"
    ALERT_MISSED = "alert_missed"
    RESOLUTION_HELD = "resolution_held"
    REOPENED = "reopened"
    TOLD_AGAIN = "told_again"
    SEVERITY_RAISED = "severity_raised"
    POLICY_CHANGED = "policy_changed"
    ASSIGNED = "assigned"
    ALERT_JOINED = "alert_joined"
    NEWS_TOLD = "news_told"
    MERGED = "merged"
    SPLIT = "split"
    SILENCED = "silenced"
    SILENCE_ENDED = "silence_ended"
    RUNBOOK_REQUESTED = "runbook_requested"
    RUNBOOK_REFUSED = "runbook_refused"
    RUNBOOK_APPROVED = "runbook_approved"
    RUNBOOK_STARTED = "runbook_started"
    RUNBOOK_STEP = "runbook_step"
    RUNBOOK_ASKED = "runbook_asked"
    RUNBOOK_ANSWERED = "runbook_answered"
    RUNBOOK_VERIFYING = "runbook_verifying"
    RUNBOOK_ENDED = "runbook_ended"
    RUNBOOK_UNKNOWN = "runbook_unknown"


@dataclass(frozen=True)
class Suppressed:
    """What keeps people asleep. ``until`` None: for as long as it stands in the settings."""

    kind: str
    """``window``, ``rule``, or ``alertmanager``: every alert of the incident is silenced or inhibited there."""
    name: str
    """A window's number, a rule's name, Alertmanager's state."""
    reason: str
    until: datetime | None

    def as_json(self) -> Mapping[str, str | None]:
        """Return the stored form."""
        until = format_timestamp(self.until) if self.until else None
        return {"kind": self.kind, "name": self.name, "reason": self.reason, "until": until}


def require_move(incident_id: int, before: Status, after: Status) -> None:
    """Raise Conflict unless an incident may go from ``before`` to ``after``."""
    if after not in _MOVES[before]:
        raise Conflict(f"incident {incident_id} is {before.value}; it cannot become {after.value}")
