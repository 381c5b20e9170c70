"""Take an escalation step: who is told is decided, queued and logged in one transaction; sending comes after."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_receiver.escalation.metrics import EscalationMetrics
from webhook_receiver.escalation.policy import Due, next_step, policy_from_snapshot
from webhook_receiver.incidents import store
from webhook_receiver.incidents.incident import EventKind, Status
from webhook_receiver.incidents.service import Incidents
from webhook_receiver.notify import outbox
from webhook_receiver.notify.message import Told, compose
from webhook_receiver.notify.rules import Planned, plan
from webhook_receiver.oncall.roster import Found, Roster
from wedsync_core.clock import Clock
from wedsync_core.problems import Conflict
from wedsync_core.storage import Database, Transaction

STEPS_PER_TURN = 50
"""Steps taken in one transaction; a storm is worked off in several, so that none holds the database for long."""


@dataclass(frozen=True)
class Taken:
    """An escalation step that was taken. ``queued`` pages were written to the outbox."""

    level: int
    queued: int
    repeated: bool


class Escalation:
    """Takes due steps, and steps that a person asks for."""

    def __init__(
        self,
        *,
        database: Database,
        incidents: Incidents,
        roster: Roster,
        base_url: str,
        clock: Clock,
        metrics: EscalationMetrics,
    ) -> None:
        self._database = database
        self._incidents = incidents
        self._roster = roster
        self._base_url = base_url
        self._clock = clock
        self._metrics = metrics

    def take_due_steps(self) -> int:
        """Take the steps that are due; returns how many, ``STEPS_PER_TURN`` at most."""
        now = self._clock.now()
        with self._database.write() as transaction:
            due = store.due_escalations(transaction, now, STEPS_PER_TURN)
            for incident_id in due:
                row = self._incidents.held(transaction, incident_id)
                self._take(transaction, row, actor="policy", now=now)
        return len(due)

    def expire_acknowledgements(self) -> int:
        """Open incidents again whose acknowledgement ran out; returns how many."""
        now = self._clock.now()
        with self._database.write() as transaction:
            expired = store.expired_acknowledgements(transaction, now, STEPS_PER_TURN)
            for incident_id in expired:
                self._incidents.expire_acknowledgement(transaction, incident_id, now)
        return len(expired)

    def escalate(self, transaction: Transaction, incident_id: int, *, seen_level: int | None, by: str) -> Taken:
        """Take the next step now, because a person asks for it; an acknowledged incident is open again.

        ``seen_level`` is the level the person saw: when it has been passed already, nothing happens twice.
        Raises NotFound, and Conflict when the incident is over or ``seen_level`` lies ahead.
        """
        row = self._incidents.held(transaction, incident_id)
        if row.status == Status.RESOLVED.value:
            raise Conflict(f"incident {incident_id} is resolved; there is nothing to escalate")
        if seen_level is not None and seen_level < row.current_escalation_level:
            return Taken(row.current_escalation_level, 0, repeated=True)
        if seen_level is not None and seen_level > row.current_escalation_level:
            raise Conflict(f"incident {incident_id} is at level {row.current_escalation_level}, not {seen_level}")
        return self._take(transaction, row, actor=by, now=self._clock.now())

    def _take(self, transaction: Transaction, row: Any, *, actor: str, now: datetime) -> Taken:
        policy = policy_from_snapshot(row.policy)
        due = next_step(policy, row.current_escalation_level, row.escalation_cycle, now)
        exhausted = due.reason == "policy_exhausted"
        roles: Iterable[str] = due.step.roles
        if exhausted and policy.repeat_every is None:
            roles = (self._roster.emergency_role,)
        found = self._roster.find(roles, now)
        planned = [
            one for person in found.people for one in plan(person, self._roster.people[person], row.severity, now)
        ]
        queued = sum(self._queue(transaction, row, due, one, now) for one in planned)
        values = {
            "status": Status.OPEN.value,
            "current_escalation_level": due.level,
            "escalation_cycle": due.cycle,
            "next_escalation_at": due.next_at,
            "acknowledgement_expires_at": None,
            "escalated_at": now,
            "escalated_by": actor,
        }
        store.update_incident(transaction, row.id, values, now)
        self._log(transaction, row.id, due, found, actor=actor, now=now)
        self._metrics.steps.labels(policy.name).inc()
        return Taken(due.level, queued, repeated=False)

    def _queue(self, transaction: Transaction, row: Any, due: Due, planned: Planned, now: datetime) -> int:
        told = Told(
            incident_id=row.id,
            title=row.title,
            description=row.description,
            severity=row.severity,
            wedding_impact=row.wedding_impact,
            service=row.service,
            regions=tuple(row.regions),
            reasons=tuple(row.decision["reasons"]),
            runbook_url=row.context.get("runbook_url", ""),
            level=due.level,
            repeated=due.cycle > 0,
        )
        key = f"incident-{row.id}-cycle-{due.cycle}-level-{due.level}-{planned.person}-{planned.channel}"
        return outbox.queue(
            transaction,
            key=key,
            incident_id=row.id,
            planned=planned,
            page=compose(told, self._base_url),
            severity_rank=row.severity_rank,
            now=now,
        )

    def _log(
        self, transaction: Transaction, incident_id: int, due: Due, found: Found, *, actor: str, now: datetime
    ) -> None:
        if found.empty_roles:
            nobody = {"roles": list(found.empty_roles), "fallback": found.fallback}
            kind = EventKind.NOBODY_REACHABLE
            store.add_event(transaction, incident_id, kind, actor=actor, now=now, detail=nobody)
        detail = {
            "level": due.level,
            "reason": due.reason,
            "people": list(found.people),
        }
        store.add_event(transaction, incident_id, EventKind.ESCALATED, actor=actor, now=now, detail=detail)
