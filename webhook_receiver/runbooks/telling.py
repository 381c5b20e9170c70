"""What an incident's log and its people are told of runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from webhook_receiver.escalation.telling import News, Telling
from webhook_receiver.incidents import store as incidents
from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.notify import outbox
from wedsync_core.redaction import redact
from wedsync_core.storage import Transaction

ACTOR = "runbooks"


class RunNews:
    """Writes to the log, and to those who were told of the incident."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    def log(
        self,
        transaction: Transaction,
        run: Any,
        kind: EventKind,
        detail: Mapping[str, Any],
        now: datetime,
        *,
        actor: str = ACTOR,
    ) -> None:
        """Append to the log of a run's incident, if it has one."""
        if run.incident_id is not None:
            said: Any = redact({"runbook": run.runbook, "run": str(run.id), **detail})
            incidents.add_event(transaction, run.incident_id, kind, actor=actor, now=now, detail=said)

    def tell(self, transaction: Transaction, run: Any, key: str, title: str, now: datetime) -> int:
        """Tell those who have the incident, else all who were told of it, else the emergency role; returns pages."""
        row = incidents.find_incident(transaction, run.incident_id) if run.incident_id is not None else None
        if row is None:
            return 0
        known = set(self._telling.whom(["all_hands"], now).people)
        people = [one for one in incidents.acknowledged_people(transaction, row) if one in known]
        people = people or [one for one in outbox.people_told(transaction, row.id) if one in known]
        people = people or list(self._telling.whom([self._telling.emergency_role], now).people)
        return self._telling.tell(transaction, row, people, News(f"runbook-{run.id}-{key}", "update", title), now)

    def tell_roles(
        self, transaction: Transaction, run: Any, roles: list[str], title: str, now: datetime, *, key: str
    ) -> int:
        """Tell roles about the incident; returns how many pages that is."""
        row = incidents.find_incident(transaction, run.incident_id) if run.incident_id is not None else None
        if row is None:
            return 0
        people = self._telling.whom(roles, now).people
        return self._telling.tell(transaction, row, people, News(f"runbook-{run.id}-{key}", "update", title), now)
