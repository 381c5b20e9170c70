"""From a wish to a run: written down, judged by the gates, and refused, waiting or ready. One commit each."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_receiver.engine import answer_store
from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.incidents.service import CalendarFacts
from webhook_receiver.runbooks import store
from webhook_receiver.runbooks.contract import Approval, Runbook
from webhook_receiver.runbooks.gates import Judged, Situation, judge, outcome
from webhook_receiver.runbooks.library import Page
from webhook_receiver.runbooks.metrics import RunbookMetrics
from webhook_receiver.runbooks.parameters import ParameterRefused
from webhook_receiver.runbooks.plan import Planned, digest_of, plan_of
from webhook_receiver.runbooks.run import State
from webhook_receiver.runbooks.telling import RunNews
from wedsync_core.clock import format_timestamp
from wedsync_core.settings.runbooks import RunbookSettings
from wedsync_core.storage import Transaction

OUTCOMES_LOOKED_AT = 20
_USUAL_APPROVAL = Approval()


@dataclass(frozen=True)
class Wish:
    """What somebody, or an alert, wants to be run."""

    page: Page
    values: Mapping[str, str]
    by: str
    incident_id: int | None = None
    regions: frozenset[str] = frozenset()
    alerts: tuple[str, ...] = ()
    start_key: str | None = None
    plan_seen: str | None = None
    dry_run: bool = False
    refused: str | None = None
    """Its parameters are not usable."""


class Starting:
    """Writes runs and asks the gates. All of it happens inside the caller's transaction, under ``hold``."""

    def __init__(
        self, *, settings: RunbookSettings, calendar: CalendarFacts, news: RunNews, metrics: RunbookMetrics
    ) -> None:
        self._settings = settings
        self._calendar = calendar
        self.news = news
        self._metrics = metrics

    def hold(self, transaction: Transaction) -> None:
        """Let nobody else judge until the transaction ends: two at once would both be the last that the rate allows."""
        answer_store.hold_key(transaction, "runbooks", "gates")

    def switched_off(self, transaction: Transaction) -> str | None:
        """Return why no runbook may act; None: they may."""
        if not self._settings.enabled:
            return "runbooks.enabled is false in wedsync.yml"
        switch = store.switch(transaction)
        return None if switch is None or switch["enabled"] else f"{switch['by']}: {switch['reason']}"

    def plan(self, runbook: Runbook, values: Mapping[str, str]) -> list[Planned]:
        """Return what would be done; raises ParameterRefused, also where the settings lack what a step names."""
        try:
            return plan_of(runbook, values, self._settings)
        except LookupError as error:
            raise ParameterRefused("steps", f"wedsync.yml does not name {error}") from error

    def begin(self, transaction: Transaction, wish: Wish, now: datetime) -> Any:
        """Write a run and take it through the gates; returns its row, or None when this start was written before."""
        runbook, plan, refused = wish.page.runbook, [], wish.refused
        if refused is None:
            try:
                plan = self.plan(runbook, wish.values)
            except ParameterRefused as error:
                refused = str(error)
        values = {
            "runbook": runbook.name,
            "definition": dict(wish.page.definition),
            "incident_id": wish.incident_id,
            "requested_by": wish.by,
            "start_key": wish.start_key,
            "target": _target(wish),
            "parameters": dict(wish.values),
            "regions": sorted(wish.regions),
            "alerts": list(wish.alerts),
            "plan": plan,
            "plan_digest": digest_of(plan),
            "plan_seen": wish.plan_seen,
            "state": State.SHOWN.value if wish.dry_run else State.READY.value,
            "reason": "dry_run" if wish.dry_run else "",
            "gates": [],
            "next_step": 1,
            "fence": 0,
            "created_at": now,
            "due_at": None,
            "finished_at": now if wish.dry_run else None,
        }
        run = store.insert_run(transaction, values)
        if run is None:
            return None
        if not wish.dry_run:
            detail = {"parameters": dict(wish.values), "summary": runbook.summary}
            self.news.log(transaction, run, EventKind.RUNBOOK_REQUESTED, detail, now, actor=wish.by)
        if refused is not None:
            return self._refuse(transaction, run, Judged("parameters", "refused", "not_usable", refused), now)
        return self.judge(transaction, run, runbook, now)

    def judge(self, transaction: Transaction, run: Any, runbook: Runbook, now: datetime) -> Any:
        """Ask the gates and act on what they say; returns the run's row as it is then."""
        judged = judge(runbook, self._situation(transaction, run, runbook, now))
        asked = {"at": format_timestamp(now), "gates": [vars(one) for one in judged]}
        store.update_run(transaction, run.id, {"gates": [*run.gates, asked]}, state=State(run.state))
        run = store.find_run(transaction, run.id)
        stands = outcome(judged)
        if run.state == State.SHOWN.value:
            return run
        if stands is None:
            return self._ready(transaction, run, now)
        if stands.verdict == "refused":
            return self._refuse(transaction, run, stands, now)
        if run.state != State.AWAITING_APPROVAL.value:
            self._await(transaction, run, runbook, now)
        return store.find_run(transaction, run.id)

    def _ready(self, transaction: Transaction, run: Any, now: datetime) -> Any:
        # The moment it may begin is the one that cooldowns and rates count: nothing slips in before it does.
        values = {"state": State.READY.value, "reason": "", "due_at": now, "deadline_at": None, "started_at": now}
        store.update_run(transaction, run.id, values, state=State(run.state))
        self._metrics.runs.labels(State.READY.value).inc()
        self.news.log(transaction, run, EventKind.RUNBOOK_STARTED, {"steps": len(run.plan)}, now)
        return store.find_run(transaction, run.id)

    def _refuse(self, transaction: Transaction, run: Any, stands: Judged, now: datetime) -> Any:
        reason = f"{stands.gate}: {stands.reason}" + (f" ({stands.detail})" if stands.detail else "")
        if run.state != State.SHOWN.value:
            values = {"state": State.REFUSED.value, "reason": reason, "finished_at": now, "due_at": None}
            store.update_run(transaction, run.id, values, state=State(run.state))
            self._metrics.runs.labels(State.REFUSED.value).inc()
            self._metrics.refusals.labels(stands.gate).inc()
            detail = {"gate": stands.gate, "reason": stands.reason, "detail": stands.detail}
            self.news.log(transaction, run, EventKind.RUNBOOK_REFUSED, detail, now)
        else:
            store.update_run(transaction, run.id, {"reason": reason}, state=State.SHOWN)
        return store.find_run(transaction, run.id)

    def _await(self, transaction: Transaction, run: Any, runbook: Runbook, now: datetime) -> None:
        approval = runbook.gates.approval or _USUAL_APPROVAL
        until = now + approval.within
        values = {"state": State.AWAITING_APPROVAL.value, "due_at": until, "deadline_at": until}
        store.update_run(transaction, run.id, values, state=State(run.state))
        detail = {"asks": "approval", "until": format_timestamp(until), "plan": run.plan_digest}
        self.news.log(transaction, run, EventKind.RUNBOOK_ASKED, detail, now)
        self.news.tell(transaction, run, "approval", f"Approve runbook {run.runbook} (run {run.id})?", now)

    def _situation(self, transaction: Transaction, run: Any, runbook: Runbook, now: datetime) -> Situation:
        approvals = store.approvals_of(transaction, run.id)
        targets = set()
        if run.incident_id is not None:
            targets = store.targets(transaction, runbook.name, run.incident_id)
        rate, overall = runbook.gates.rate, self._settings.rate
        return Situation(
            now=now,
            switched_off=self.switched_off(transaction),
            environment=self._settings.environment,
            weddings_live=self._weddings_live(run.regions, now),
            last_on_target=store.last_started(transaction, runbook.name, run.target),
            runs_of_runbook=store.started_since(transaction, now - rate.per, runbook.name),
            runs_of_all=store.started_since(transaction, now - overall.per),
            most_of_all=overall.runs,
            outcomes=store.outcomes(transaction, runbook.name, OUTCOMES_LOOKED_AT),
            targets=len(targets | {run.target}),
            approved_by=tuple(one.person for one in approvals),
            plan=run.plan_digest,
            plan_seen=approvals[-1].plan_digest if approvals else run.plan_seen,
        )

    def _weddings_live(self, regions: Collection[str], now: datetime) -> tuple[str, ...]:
        """Return the touched regions in which weddings are live; no region, or an unknown one, may be any."""
        calendar = self._calendar(now)
        known = set(regions) and set(regions) <= calendar.keys()
        return tuple(
            name
            for name, facts in sorted(calendar.items())
            if (not known or name in regions) and (facts.weddings_in_progress > 0 or facts.is_wedding_day)
        )


def _target(wish: Wish) -> str:
    named: Sequence[Any] = sorted(wish.values.items())
    return hashlib.sha256(repr(named).encode()).hexdigest()[:32]
