"""Take an escalation step: who is told is decided, queued and logged in one transaction; sending comes after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_receiver.engine.precedence import Precedence
from webhook_receiver.escalation.metrics import EscalationMetrics
from webhook_receiver.escalation.policy import Due, Passed, policy_from_snapshot, telling_step
from webhook_receiver.escalation.telling import News, Telling
from webhook_receiver.incidents import store
from webhook_receiver.incidents.incident import EventKind, Status
from webhook_receiver.incidents.service import Incidents
from wedsync_core.clock import Clock, thread_seconds
from wedsync_core.problems import Conflict
from wedsync_core.storage import Database, Transaction

STEPS_PER_TRANSACTION = 8
"""A storm is worked off in many short transactions, so that none keeps a message from being kept."""
TURN_SECONDS = 0.25
"""Steps are taken for this long in a turn; then what they queued goes out."""


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
        telling: Telling,
        clock: Clock,
        precedence: Precedence,
        metrics: EscalationMetrics,
    ) -> None:
        self._database = database
        self._incidents = incidents
        self._telling = telling
        self._clock = clock
        self._precedence = precedence
        self._metrics = metrics

    def take_due_steps(self) -> int:
        """Take the steps that are due, the worst incidents' first, for ``TURN_SECONDS`` at most; returns how many."""
        taken, until = 0, self._clock.monotonic() + TURN_SECONDS
        while self._clock.monotonic() < until:
            began = thread_seconds()
            some = self._take_some()
            if not some:
                break
            taken += some
            self._precedence.rest(thread_seconds() - began)
        return taken

    def _take_some(self) -> int:
        now = self._clock.now()
        with self._database.write() as transaction:
            due = store.due_escalations(transaction, now, STEPS_PER_TRANSACTION)
            for incident_id in due:
                row = self._incidents.held(transaction, incident_id)
                self._take(transaction, row, actor="policy", now=now)
        return len(due)

    def judge_due(self) -> int:
        """Judge incidents again for which the calendar may have changed; returns how many."""
        return self._incidents.judge_due(self._database, self._clock.now())

    def expire_acknowledgements(self) -> int:
        """Open incidents again whose acknowledgement ran out; returns how many."""
        now = self._clock.now()
        with self._database.write() as transaction:
            expired = store.expired_acknowledgements(transaction, now, STEPS_PER_TRANSACTION)
            for incident_id in expired:
                self._incidents.expire_acknowledgement(transaction, incident_id, now)
        return len(expired)

    def escalate(
        self, transaction: Transaction, incident_id: int, *, seen_level: int | None, by: str, note: str = ""
    ) -> Taken:
        """Take the next step now, because a person asks for it; an acknowledged incident is open again.

        ``seen_level`` is the level the person saw: when it has been passed already, nothing happens twice.
        Raises NotFound, and Conflict when the incident is over or ``seen_level`` lies ahead.
        """
        row = self._incidents.movable(transaction, incident_id)
        if row.status == Status.RESOLVED.value:
            raise Conflict(f"incident {incident_id} is resolved; there is nothing to escalate")
        if seen_level is not None and seen_level < row.current_escalation_level:
            return Taken(row.current_escalation_level, 0, repeated=True)
        if seen_level is not None and seen_level > row.current_escalation_level:
            raise Conflict(f"incident {incident_id} is at level {row.current_escalation_level}, not {seen_level}")
        now = self._clock.now()
        if note:
            self._incidents.note(transaction, incident_id, by=by, text=note, now=now)
        return self._take(transaction, row, actor=by, now=now)

    def _take(self, transaction: Transaction, row: Any, *, actor: str, now: datetime) -> Taken:
        self._telling.look_up(transaction, now)
        policy = policy_from_snapshot(row.policy)
        holders = set(store.acknowledged_people(transaction, row)) if policy.acknowledgements_needed > 1 else set()

        def people_of(roles: Iterable[str]) -> list[str]:
            # Whoever has acknowledged already waits for the others, and is not told to do it again.
            return [person for person in self._telling.whom(roles, now).people if person not in holders]

        level, emergency_role = row.current_escalation_level, self._telling.emergency_role
        due, passed = telling_step(policy, level, now, emergency_role, lambda roles: bool(people_of(roles)))
        people = people_of(due.roles) or list(self._telling.whom(due.roles, now).people)
        values = {
            "status": Status.OPEN.value,
            "current_escalation_level": due.level,
            "next_escalation_at": due.next_at,
            "acknowledgement_expires_at": None,
            "escalated_at": now,
            "escalated_by": actor,
        }
        store.update_incident(transaction, row.id, values, now)
        told = self._incidents.held(transaction, row.id)
        # A first step taken once more, because an acknowledgement ran out.
        repeated = due.repeated or (row.escalation_cycle > 0 and row.acknowledged_at is not None)
        news = News(f"cycle-{row.escalation_cycle}-level-{due.level}", repeated=repeated)
        queued = self._telling.tell(transaction, told, people, news, now)
        self._log(transaction, row.id, due, passed, people, actor=actor, now=now)
        self._metrics.steps.labels(policy.name).inc()
        return Taken(due.level, queued, repeated=False)

    def _log(
        self,
        transaction: Transaction,
        incident_id: int,
        due: Due,
        passed: Iterable[Passed],
        people: Sequence[str],
        *,
        actor: str,
        now: datetime,
    ) -> None:
        empty = [(one.level, list(one.roles)) for one in passed]
        fallback = "the emergency role" if due.reason == "nobody_left" else "the next step, at once"
        here = list(self._telling.whom(due.roles, now).empty_roles)
        kind = EventKind.NOBODY_REACHABLE
        for level, roles in empty:
            nobody = {"level": level, "roles": roles, "fallback": fallback}
            store.add_event(transaction, incident_id, kind, actor=actor, now=now, detail=nobody)
        if here:
            nobody = {"level": due.level, "roles": here, "fallback": None}
            store.add_event(transaction, incident_id, kind, actor=actor, now=now, detail=nobody)
        detail = {"level": due.level, "reason": due.reason, "people": list(people)}
        store.add_event(transaction, incident_id, EventKind.ESCALATED, actor=actor, now=now, detail=detail)
