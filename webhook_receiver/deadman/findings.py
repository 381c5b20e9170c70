"""What the auditor looks for, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from webhook_receiver.deadman.emergency import Emergency

OVERDUE = timedelta(seconds=60)
"""What should take a second or two and has not happened for this long is not going to happen by itself."""
TOLD_AFTER = timedelta(seconds=120)
"""A critical thing that is this late is told by the last resort, past everything that should have told it."""
RUNBOOK = "https://github.com/wedsync/monitoring/blob/main/docs/runbooks/AuditFindings.md"


class Kind(StrEnum):
    """Closed: each is a series and a sentence."""

    ESCALATION_OVERDUE = "escalation_overdue"
    PAGE_UNSENT = "page_unsent"
    LEASE_EXPIRED = "lease_expired"
    MESSAGE_UNPROCESSED = "message_unprocessed"
    INCIDENT_WITHOUT_NEXT_STEP = "incident_without_next_step"
    EPISODE_UNCONFIRMED = "episode_unconfirmed"
    TICKER_STALLED = "ticker_stalled"
    DATABASE_UNREACHABLE = "database_unreachable"


_SENTENCES: Mapping[Kind, str] = {
    Kind.ESCALATION_OVERDUE: "escalation steps are overdue: the next people have not been told",
    Kind.PAGE_UNSENT: "pages that are due have not been sent",
    Kind.LEASE_EXPIRED: "pages were begun by a sender that is gone, and no other went on with them",
    Kind.MESSAGE_UNPROCESSED: "messages of Alertmanager are kept and not processed",
    Kind.INCIDENT_WITHOUT_NEXT_STEP: "open incidents have no next step: nobody would ever be told again",
    Kind.EPISODE_UNCONFIRMED: "alerts that wait to be confirmed were neither confirmed nor opened",
    Kind.TICKER_STALLED: "the loop that escalates and sends has stopped",
    Kind.DATABASE_UNREACHABLE: "the incident database does not answer: open incidents do not escalate",
}


@dataclass(frozen=True)
class Finding:
    """Rows of one kind that are overdue.

    ``critical_since``: since when the most overdue one that concerns a critical incident, or nobody can say which,
    should have happened; None when all can wait.
    """

    kind: Kind
    count: int
    critical_since: datetime | None = None


def to_tell(found: Sequence[Finding], earlier: Sequence[Sequence[Finding]], now: datetime) -> list[Emergency]:
    """Return what the emergency role must hear: critical, late for ``TOLD_AFTER``, and found at the looks before.

    A machine that wakes up, or a clock that leaps, makes everything overdue for the moment it takes to catch up.
    """
    standing = set(Kind).intersection(*({one.kind for one in look} for look in earlier))
    return [
        Emergency(
            key=f"audit-{one.kind.value}",
            title=f"The receiver is failing: {_SENTENCES[one.kind]}",
            description=f"{one.count} found by the auditor.",
            runbook_url=RUNBOOK,
        )
        for one in found
        if one.critical_since is not None and now - one.critical_since > TOLD_AFTER and one.kind in standing
    ]
