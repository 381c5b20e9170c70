"""How a run ends: with an outcome, a line in the incident's log, and a word to people where they must know."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.runbooks import store
from webhook_receiver.runbooks.contract import Runbook
from webhook_receiver.runbooks.metrics import RunbookMetrics
from webhook_receiver.runbooks.run import State, verdict
from webhook_receiver.runbooks.telling import ACTOR, RunNews
from wedsync_core.storage import Transaction

LOOKED_AT_EVERY = timedelta(seconds=2)
"""Between two looks at whether the alerts have cleared."""
TOLD_OF = frozenset({State.FAILED, State.NOT_MENDED, State.STOPPED})
"""Ends after which a person must not believe that a machine sees to it."""


class Ending:
    """Writes ends."""

    def __init__(self, news: RunNews, metrics: RunbookMetrics) -> None:
        self._news = news
        self._metrics = metrics

    def end(
        self, transaction: Transaction, run: Any, state: State, reason: str, now: datetime, *, actor: str = ACTOR
    ) -> bool:
        """End a run, unless it is not any more in the state and under the fence of its row."""
        values = {
            "state": state.value,
            "reason": reason,
            "finished_at": now,
            "due_at": None,
            "deadline_at": None,
            "lease_until": None,
        }
        if not store.update_run(transaction, run.id, values, state=State(run.state), fence=run.fence):
            return False
        self._metrics.runs.labels(state.value).inc()
        detail = {"state": state.value, "reason": reason}
        self._news.log(transaction, run, EventKind.RUNBOOK_ENDED, detail, now, actor=actor)
        if state in TOLD_OF and Runbook.model_validate(run.definition).changes:
            words = {State.NOT_MENDED: "did not mend it"}.get(state, state.value)
            self._news.tell(transaction, run, state.value, f"Runbook {run.runbook} (run {run.id}) {words}", now)
        return True

    def unknown(self, transaction: Transaction, run: Any, now: datetime) -> None:
        """Give up a run whose runner is lost. What it was doing may have been done: nothing is done again."""
        begun = [one.number for one in store.steps_of(transaction, run.id) if one.finished_at is None]
        where = f"in step {begun[-1]}" if begun else f"before step {run.next_step}"
        values = {
            "state": State.UNKNOWN.value,
            "reason": f"the runner was lost {where}",
            "finished_at": now,
            "due_at": None,
            "lease_until": None,
            "fence": run.fence + 1,
        }
        store.update_run(transaction, run.id, values, state=State.RUNNING)
        self._metrics.runs.labels(State.UNKNOWN.value).inc()
        detail = {"step": begun[-1] if begun else None, "reason": values["reason"]}
        self._news.log(transaction, run, EventKind.RUNBOOK_UNKNOWN, detail, now)
        title = f"Runbook {run.runbook} (run {run.id}): nobody knows what it did, its runner was lost {where}"
        self._news.tell(transaction, run, "unknown", title, now)

    def steps_taken(self, transaction: Transaction, run: Any, runbook: Runbook, now: datetime) -> None:
        """All steps are done: look whether that helped, where there is an alert to look at."""
        if not run.alerts:
            self.end(transaction, run, State.DONE, "all steps were taken", now)
            return
        values = {
            "state": State.VERIFYING.value,
            "due_at": now,
            "deadline_at": now + runbook.verify.within,
            "lease_until": None,
        }
        if store.update_run(transaction, run.id, values, state=State.RUNNING, fence=run.fence):
            detail = {"alerts": len(run.alerts), "clear_for": runbook.verify.clear_for.total_seconds()}
            self._news.log(transaction, run, EventKind.RUNBOOK_VERIFYING, detail, now)

    def look(self, transaction: Transaction, run: Any, now: datetime) -> bool:
        """Look once whether the alerts of a run have cleared; returns whether that was its end."""
        verify = Runbook.model_validate(run.definition).verify
        firing = store.firing_of(transaction, run.alerts)
        looked = verdict(verify, firing=firing, clear_since=run.clear_since, due_by=run.deadline_at, now=now)
        if looked.state is not None:
            return self.end(transaction, run, looked.state, looked.reason, now)
        values = {"clear_since": looked.clear_since, "due_at": now + LOOKED_AT_EVERY}
        store.update_run(transaction, run.id, values, state=State.VERIFYING)
        return False
