"""What happens to runs: found for incidents, asked for, approved, answered, given up, verified."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from webhook_receiver.incidents import store as incidents
from webhook_receiver.incidents.incident import EventKind, Status
from webhook_receiver.runbooks import store
from webhook_receiver.runbooks.contract import Answering, Approving, NewRun, Rejecting, Runbook, Switching
from webhook_receiver.runbooks.ending import Ending
from webhook_receiver.runbooks.library import Library, Page
from webhook_receiver.runbooks.matching import Firing, matches, wanted_by
from webhook_receiver.runbooks.parameters import ParameterRefused, values_of
from webhook_receiver.runbooks.run import State
from webhook_receiver.runbooks.starting import Starting, Wish
from wedsync_core.clock import Clock
from wedsync_core.problems import Conflict, FieldProblem, Invalid, NotFound
from wedsync_core.redaction import redact_text
from wedsync_core.settings.runbooks import RunbookSettings
from wedsync_core.storage import Database, Transaction

PER_TURN = 50
REQUESTER = "receiver"


class Runbooks:
    """The order of things around a run; what is done in it is ``carrying``'s."""

    def __init__(
        self,
        *,
        database: Database,
        library: Library,
        settings: RunbookSettings,
        starting: Starting,
        ending: Ending,
        people: Collection[str],
        clock: Clock,
    ) -> None:
        self._database = database
        self.library = library
        self._settings = settings
        self._starting = starting
        self._ending = ending
        self._people = people
        self._clock = clock

    def find(self) -> int:
        """Compare open incidents with what starts by itself; returns how many incidents there were."""
        with self._database.read() as transaction:
            found = [row.id for row in store.unlooked(transaction, PER_TURN)]
        for incident_id in found:
            with self._database.write() as transaction:
                self._starting.hold(transaction)
                row = incidents.find_incident(transaction, incident_id)
                if row is not None and row.status != Status.RESOLVED.value:
                    self._compare(transaction, row, self._clock.now())
        return len(found)

    def request(self, transaction: Transaction, name: str, asked: NewRun, by: str, now: datetime) -> Any:
        """Write the run that somebody wants; returns its row. Raises NotFound and Invalid."""
        page = self.page(name)
        incident = self._incident(transaction, asked.incident_id)
        try:
            values = values_of(page.runbook.parameters, asked.parameters)
        except ParameterRefused as refused:
            raise _invalid(f"parameters.{refused.name}", refused.reason) from refused
        alerts: list[Any] = []
        regions: set[str] = set()
        if incident is not None:
            firing = store.firing(transaction, incident.id)
            alerts = [one for one in firing if _concerns(page.runbook, one.labels, values)]
            regions = set(incident.regions)
        region = values.get("region")
        wish = Wish(
            page,
            values,
            by,
            incident_id=None if incident is None else incident.id,
            regions=frozenset({region} if region else regions),
            alerts=tuple(one.fingerprint for one in alerts),
            plan_seen=asked.plan,
            dry_run=asked.dry_run,
        )
        self._starting.hold(transaction)
        return self._starting.begin(transaction, wish, now)

    def approve(self, transaction: Transaction, run_id: int, asked: Approving, now: datetime) -> Any:
        """Note that a person says yes, and begin when enough have. Raises NotFound, Invalid and Conflict."""
        self._starting.hold(transaction)
        run = self._held(transaction, run_id)
        self._know(asked.by)
        if run.requested_by == asked.by:
            raise Conflict("whoever asked for a run cannot approve it")
        if run.state != State.AWAITING_APPROVAL.value:
            raise Conflict(f"run {run_id} is {run.state}; it waits for no approval")
        if asked.plan != run.plan_digest:
            raise Conflict("this is not the plan of the run: look at it again")
        approval = {"run_id": run_id, "person": asked.by, "plan_digest": asked.plan, "approved_at": now}
        if store.approve(transaction, {**approval, "note": redact_text(asked.note)}):
            detail = {"plan": asked.plan, "note": redact_text(asked.note)}
            self._starting.news.log(transaction, run, EventKind.RUNBOOK_APPROVED, detail, now, actor=asked.by)
        return self._starting.judge(transaction, run, Runbook.model_validate(run.definition), now)

    def reject(self, transaction: Transaction, run_id: int, asked: Rejecting, now: datetime) -> Any:
        """End a run that waits for people. Raises NotFound, Invalid and Conflict."""
        run = self._held(transaction, run_id)
        self._know(asked.by)
        if run.state not in {State.AWAITING_APPROVAL.value, State.ASKING.value}:
            raise Conflict(f"run {run_id} is {run.state}; nobody is asked about it")
        self._ending.end(
            transaction, run, State.REJECTED, redact_text(asked.note) or f"by {asked.by}", now, actor=asked.by
        )
        return store.find_run(transaction, run_id)

    def answer(self, transaction: Transaction, run_id: int, asked: Answering, now: datetime) -> Any:
        """Take the answer to a run's question. Raises NotFound, Invalid and Conflict."""
        run = self._held(transaction, run_id)
        self._know(asked.by)
        if run.state != State.ASKING.value:
            raise Conflict(f"run {run_id} is {run.state}; it asks nothing")
        step = run.plan[run.next_step - 1]
        if asked.answer not in step["answers"]:
            raise _invalid("answer", f"must be one of: {', '.join(step['answers'])}")
        detail = {"step": run.next_step, "answer": asked.answer}
        self._starting.news.log(transaction, run, EventKind.RUNBOOK_ANSWERED, detail, now, actor=asked.by)
        result = {"state": "done", "reason": "answered", "output": asked.answer, "finished_at": now}
        store.end_step(transaction, run_id, run.next_step, result)
        if asked.answer != step["go_on"]:
            self._ending.end(transaction, run, State.REJECTED, f"{asked.by} answered {asked.answer}", now)
        else:
            values = {"state": State.READY.value, "due_at": now, "deadline_at": None, "next_step": run.next_step + 1}
            store.update_run(transaction, run_id, values, state=State.ASKING)
        return store.find_run(transaction, run_id)

    def set_switch(self, transaction: Transaction, asked: Switching, by: str, now: datetime) -> None:
        """Turn all runbooks off or on."""
        value = {"enabled": asked.enabled, "reason": redact_text(asked.reason), "by": by}
        store.set_switch(transaction, value, now)

    def switched_off(self, transaction: Transaction) -> str | None:
        """Return why no runbook may act; None: they may."""
        return self._starting.switched_off(transaction)

    def give_up_lost(self) -> int:
        """Mark runs whose runner is gone as unknown, and say so; returns how many."""
        with self._database.write() as transaction:
            now = self._clock.now()
            lost = store.lost(transaction, now, PER_TURN)
            for run in lost:
                self._ending.unknown(transaction, run, now)
        return len(lost)

    def expire(self) -> int:
        """End runs that nobody approved or answered in time; returns how many."""
        with self._database.write() as transaction:
            now = self._clock.now()
            late = [
                run
                for state in (State.AWAITING_APPROVAL, State.ASKING)
                for run in store.due(transaction, state, now, PER_TURN)
            ]
            for run in late:
                self._ending.end(transaction, run, State.EXPIRED, f"{run.state}: nobody said anything in time", now)
        return len(late)

    def verify(self) -> int:
        """Look whether alerts have cleared and stayed clear; returns how many runs came to an end."""
        ended = 0
        with self._database.write() as transaction:
            now = self._clock.now()
            for run in store.due(transaction, State.VERIFYING, now, PER_TURN):
                ended += self._ending.look(transaction, run, now)
        return ended

    def page(self, name: str) -> Page:
        """Return a runbook; raises NotFound."""
        page = self.library.pages.get(name)
        if page is None:
            raise NotFound(f"there is no runbook {name[:64]!r}")
        return page

    def _compare(self, transaction: Transaction, row: Any, now: datetime) -> None:
        alerts = [Firing(one.fingerprint, one.labels) for one in store.firing(transaction, row.id)]
        if not alerts and row.alerts == 0:
            alerts = [Firing("", _facts(row))]
        for wanted in wanted_by(self.library.runbooks, alerts, self._settings.environment):
            target = hashlib.sha256((wanted.refused or wanted.target).encode()).hexdigest()[:32]
            wish = Wish(
                self.library.pages[wanted.runbook.name],
                wanted.values,
                REQUESTER,
                incident_id=row.id,
                regions=wanted.regions,
                alerts=tuple(one for one in wanted.alerts if one),
                start_key=f"{row.id}-{row.escalation_cycle}-{wanted.runbook.name}-{target}",
                refused=wanted.refused,
            )
            self._starting.begin(transaction, wish, now)
        store.note_look(transaction, row.id, row.alerts, row.escalation_cycle)

    def _held(self, transaction: Transaction, run_id: int) -> Any:
        run = store.find_run(transaction, run_id, lock=True)
        if run is None:
            raise NotFound(f"there is no run {run_id}")
        return run

    def _know(self, person: str) -> None:
        if person not in self._people:
            raise _invalid("by", f"there is no person {person!r}; there is: {', '.join(sorted(self._people))}")

    def _incident(self, transaction: Transaction, incident_id: str | None) -> Any:
        if incident_id is None:
            return None
        row = incidents.find_incident(transaction, int(incident_id))
        if row is None:
            raise NotFound(f"there is no incident {incident_id}")
        return row


def _concerns(runbook: Runbook, labels: Mapping[str, str], values: Mapping[str, str]) -> bool:
    """Whether a run with these values should clear an alert."""
    named = {one.label: values[name] for name, one in runbook.parameters.items() if one.label}
    return matches(runbook, labels) and all(labels.get(label) == value for label, value in named.items())


def _facts(row: Any) -> dict[str, str]:
    """Return what is known of an incident without alerts, in the words of labels."""
    facts = {"service": row.service, "type": row.type, "affects": ",".join(row.affects)}
    return {**facts, "region": row.regions[0]} if len(row.regions) == 1 else facts


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", FieldProblem(field, message))
