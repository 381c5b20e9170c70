"""Carry a run out, step by step: each is written before it is taken, and nobody's database waits meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.runbooks import store
from webhook_receiver.runbooks.actions import Hands, Result
from webhook_receiver.runbooks.contract import Ask, Check, Runbook, WaitUntil
from webhook_receiver.runbooks.ending import Ending
from webhook_receiver.runbooks.parameters import ParameterRefused
from webhook_receiver.runbooks.plan import digest_of
from webhook_receiver.runbooks.run import State
from webhook_receiver.runbooks.starting import Starting
from wedsync_core.clock import Clock, format_timestamp
from wedsync_core.storage import Database, Transaction

LEASE = timedelta(seconds=20)
"""A runner that says nothing for this long is lost: the loop renews every second."""


@dataclass(frozen=True)
class Claim:
    """A run in hand."""

    run_id: int
    fence: int


@dataclass(frozen=True)
class _Todo:
    run: Any
    number: int
    planned: dict[str, Any]
    silence_id: str | None


Limits = Callable[[Claim, timedelta], None]
"""Told how long the next step may take: a step that hangs longer is given up for lost."""


class Carrying:
    """Takes the steps of runs that are ready."""

    def __init__(self, *, database: Database, starting: Starting, ending: Ending, hands: Hands, clock: Clock) -> None:
        self._database = database
        self._starting = starting
        self._ending = ending
        self._hands = hands
        self._clock = clock

    def claim(self, most: int) -> list[Claim]:
        """Take runs that are ready; each is ours until its lease ends."""
        with self._database.write() as transaction:
            now = self._clock.now()
            claims = []
            for run in store.due(transaction, State.READY, now, most):
                values = {"state": State.RUNNING.value, "lease_until": now + LEASE, "fence": run.fence + 1}
                if store.update_run(transaction, run.id, values, state=State.READY, fence=run.fence):
                    claims.append(Claim(run.id, run.fence + 1))
        return claims

    def renew(self, claim: Claim) -> bool:
        """Keep a run in hand; returns False when it was given up for lost."""
        with self._database.write() as transaction:
            return store.renew(transaction, claim.run_id, claim.fence, self._clock.now() + LEASE)

    def carry(self, claim: Claim, limits: Limits, stopping: Callable[[], bool]) -> None:
        """Take steps until the run waits, asks, verifies or ends; between two steps it can be handed back."""
        while True:
            todo = self._begin(claim, stopping=stopping())
            if todo is None:
                return
            limits(claim, self._hands.limit(todo.planned))
            result = self._hands.do(todo.planned, todo.silence_id)
            if not self._finish(claim, todo, result):
                return

    def _begin(self, claim: Claim, *, stopping: bool) -> _Todo | None:
        with self._database.write() as transaction:
            now = self._clock.now()
            run = store.find_run(transaction, claim.run_id, lock=True)
            if run is None or run.state != State.RUNNING.value or run.fence != claim.fence:
                return None  # given up for lost: whoever came after us decides
            if stopping:
                self._hand_back(transaction, run, now)
                return None
            runbook = Runbook.model_validate(run.definition)
            off = self._starting.switched_off(transaction)
            if off is not None:
                self._ending.end(transaction, run, State.STOPPED, f"kill_switch: {off}", now)
                return None
            if self._plan_changed(run, runbook):
                self._ending.end(transaction, run, State.FAILED, "wedsync.yml changed what its steps mean", now)
                return None
            if run.next_step > len(run.plan):
                self._ending.steps_taken(transaction, run, runbook, now)
                return None
            return self._next(transaction, run, runbook, now)

    def _next(self, transaction: Transaction, run: Any, runbook: Runbook, now: datetime) -> _Todo | None:
        number, planned = run.next_step, run.plan[run.next_step - 1]
        step = runbook.steps[number - 1]
        if isinstance(step, Ask):
            self._ask(transaction, run, step, now)
            return None
        store.begin_step(transaction, run.id, number, "begun", now)
        if planned["do"] == "notify":
            return self._notify(transaction, run, runbook, now)
        silence_id = None
        if planned["do"] == "expire_silence":
            made = {one.number: one.result for one in store.steps_of(transaction, run.id)}
            silence_id = made.get(planned["step"], {}).get("silence_id")
        return _Todo(run, number, planned, silence_id)

    def _notify(self, transaction: Transaction, run: Any, runbook: Runbook, now: datetime) -> _Todo | None:
        """Queue pages, in one commit with the step: there is no in-between to be lost in; go on with the next one."""
        number, planned = run.next_step, run.plan[run.next_step - 1]
        title = f"Runbook {run.runbook}: {planned['message']}"
        news = self._starting.news
        told = news.tell_roles(transaction, run, planned["roles"], title, now, key=f"step-{number}")
        result = Result("done", "queued" if told else "nobody_to_tell", f"{told} pages")
        self._write(transaction, run, number, planned, result, now)
        store.update_run(transaction, run.id, {"next_step": number + 1}, state=State.RUNNING, fence=run.fence)
        moved: Any = store.find_run(transaction, run.id)
        if moved.next_step <= len(moved.plan):
            return self._next(transaction, moved, runbook, now)
        self._ending.steps_taken(transaction, moved, runbook, now)
        return None

    def _finish(self, claim: Claim, todo: _Todo, result: Result) -> bool:
        """Write what came of a step; returns whether the run goes on now."""
        with self._database.write() as transaction:
            now = self._clock.now()
            run = store.find_run(transaction, claim.run_id, lock=True)
            if run is None or run.state != State.RUNNING.value or run.fence != claim.fence:
                self._late(transaction, todo, result, now)
                return False
            step = Runbook.model_validate(run.definition).steps[todo.number - 1]
            if isinstance(step, WaitUntil) and result.outcome != "done":
                return self._wait(transaction, run, step, todo, result, now)
            if isinstance(step, Check) and result.reason == "does_not_hold" and step.otherwise == "not_needed":
                result = Result("not_needed", result.reason, result.output, result.facts)
            self._write(transaction, run, todo.number, todo.planned, result, now)
            if result.outcome == "not_needed":
                self._ending.end(transaction, run, State.NOT_NEEDED, f"step {todo.number}: {result.output}", now)
                return False
            if result.outcome == "failed":
                self._ending.end(transaction, run, State.FAILED, f"step {todo.number}: {result.reason}", now)
                return False
            values = {"next_step": todo.number + 1, "lease_until": now + LEASE}
            return store.update_run(transaction, run.id, values, state=State.RUNNING, fence=run.fence)

    def _wait(
        self, transaction: Transaction, run: Any, step: WaitUntil, todo: _Todo, result: Result, now: datetime
    ) -> bool:
        deadline = run.deadline_at or now + step.within
        if now >= deadline:
            failed = Result("failed", "waited_too_long", result.output, result.facts)
            self._write(transaction, run, todo.number, todo.planned, failed, now)
            self._ending.end(transaction, run, State.FAILED, f"step {todo.number}: waited_too_long", now)
            return False
        # Nobody holds it while it waits: any replica may look again.
        values = {
            "state": State.READY.value,
            "due_at": min(now + step.every, deadline),
            "deadline_at": deadline,
            "lease_until": None,
        }
        store.update_run(transaction, run.id, values, state=State.RUNNING, fence=run.fence)
        return False

    def _ask(self, transaction: Transaction, run: Any, step: Ask, now: datetime) -> None:
        planned, until = run.plan[run.next_step - 1], now + step.within
        store.begin_step(transaction, run.id, run.next_step, "asked", now)
        values = {"state": State.ASKING.value, "due_at": until, "deadline_at": until, "lease_until": None}
        if store.update_run(transaction, run.id, values, state=State.RUNNING, fence=run.fence):
            detail = {"asks": planned["question"], "answers": planned["answers"], "until": format_timestamp(until)}
            self._starting.news.log(transaction, run, EventKind.RUNBOOK_ASKED, detail, now)
            title = f"Runbook {run.runbook} (run {run.id}) asks: {planned['question']}"
            self._starting.news.tell(transaction, run, f"question-{run.next_step}", title, now)

    def _write(
        self, transaction: Transaction, run: Any, number: int, planned: dict[str, Any], result: Result, now: datetime
    ) -> None:
        written = {"state": result.outcome, "reason": result.reason, "output": result.output, "finished_at": now}
        store.end_step(transaction, run.id, number, {**written, "result": dict(result.facts)})
        store.update_run(transaction, run.id, {"deadline_at": None}, state=State.RUNNING, fence=run.fence)
        detail = {"step": number, "do": planned["do"], "outcome": result.outcome, "reason": result.reason}
        said = {**detail, "output": result.output[:500]} if result.output else detail
        self._starting.news.log(transaction, run, EventKind.RUNBOOK_STEP, said, now)

    def _late(self, transaction: Transaction, todo: _Todo, result: Result, now: datetime) -> None:
        """Say what came of a step after the run was given up: it stays unknown, and people can read this."""
        detail = {"step": todo.number, "outcome": result.outcome, "reason": result.reason, "late": True}
        self._starting.news.log(transaction, todo.run, EventKind.RUNBOOK_STEP, detail, now)

    def _hand_back(self, transaction: Transaction, run: Any, now: datetime) -> None:
        values = {"state": State.READY.value, "due_at": now, "lease_until": None}
        store.update_run(transaction, run.id, values, state=State.RUNNING, fence=run.fence)

    def _plan_changed(self, run: Any, runbook: Runbook) -> bool:
        """Whether the settings make of this run something else than what was judged, shown and approved."""
        try:
            return bool(digest_of(self._starting.plan(runbook, run.parameters)) != run.plan_digest)
        except ParameterRefused:
            return True
