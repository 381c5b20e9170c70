"""What can happen to an incident. Each call works inside the caller's transaction and writes the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from webhook_receiver.incidents import store
from webhook_receiver.incidents.classification import affected_services
from webhook_receiver.incidents.incident import EventKind, Status, Suppressed, require_move
from webhook_receiver.incidents.metrics import IncidentMetrics
from wedsync_core.clock import format_timestamp
from wedsync_core.problems import NotFound, Unavailable
from wedsync_core.redaction import redact, redact_text
from wedsync_core.season import RegionFacts
from wedsync_core.severity import Decision, SeveritySettings, Signal, classify
from wedsync_core.storage import Transaction

CalendarFacts = Callable[[datetime], Mapping[str, RegionFacts]]
PolicySnapshot = Mapping[str, Any]
"""A policy as escalation writes it. Read here: ``name``, and ``acknowledgement_expires`` in seconds or None."""
PolicyChoice = Callable[[Decision], PolicySnapshot]
CancelPages = Callable[[Transaction, int, datetime], int]


@dataclass(frozen=True)
class Report:
    """What is known when an incident opens."""

    title: str
    description: str
    signal: Signal
    actor: str
    auto_created: bool
    runbook_url: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    """The alert's own; what suppression compares with."""
    dedup_key: str | None = None
    """Of the receiver's own findings: at most one incident of a key is not resolved."""
    missed: bool = False
    """It began and ended while the receiver was away; acknowledging it ends it."""
    judged_at: datetime | None = None
    """When it was true, where that is not now: the calendar of that moment judges it."""


Suppression = Callable[[Transaction, Report, Decision, datetime], Suppressed | None]
"""Says what keeps people asleep for a new incident; None: nothing does, as almost always."""


@dataclass(frozen=True)
class Opened:
    """The incident just opened."""

    incident_id: int
    decision: Decision
    policy_name: str


class Incidents:
    """Opens, acknowledges and resolves incidents.

    Nobody is told from here: an open incident has a due moment, and the ticker finds it.
    """

    def __init__(
        self,
        *,
        calendar: CalendarFacts,
        limits: SeveritySettings,
        choose_policy: PolicyChoice,
        suppression: Suppression,
        cancel_pages: CancelPages,
        service_of_workflow: Mapping[str, str],
        metrics: IncidentMetrics,
    ) -> None:
        self._calendar = calendar
        self._limits = limits
        self._choose_policy = choose_policy
        self._suppression = suppression
        self._cancel_pages = cancel_pages
        self._service_of_workflow = service_of_workflow
        self._metrics = metrics

    def open(self, transaction: Transaction, report: Report, now: datetime) -> Opened:
        """Judge and write a new incident; its first escalation step is due at once, or when its suppression ends.

        A finding (``dedup_key``) whose incident is not resolved yet is told to that one once more instead.
        """
        calendar = self._calendar(report.judged_at or now)
        decision = classify(report.signal, calendar, self._limits)
        policy = self._choose_policy(decision)
        suppressed = self._suppression(transaction, report, decision, now)
        values = {
            "title": redact_text(report.title),
            "description": redact_text(report.description),
            "status": Status.OPEN.value,
            "severity": decision.severity.value,
            "severity_rank": decision.severity.rank,
            "wedding_impact": decision.wedding_impact.value,
            "wedding_impact_rank": decision.wedding_impact.rank,
            "service": redact_text(report.signal.service),
            "type": redact_text(report.signal.type),
            "affects": sorted(report.signal.workflows),
            "regions": sorted(report.signal.regions),
            "auto_created": report.auto_created,
            "decision": redact(decision.as_json()),
            "context": self._context(transaction, report, calendar, now),
            "escalation_policy": policy["name"],
            "policy": dict(policy),
            "current_escalation_level": 0,
            "escalation_cycle": 0,
            "next_escalation_at": suppressed.until if suppressed else now,
            "suppressed_by": suppressed.as_json() if suppressed else None,
            "dedup_key": report.dedup_key,
            "missed": report.missed,
            "created_at": now,
            "updated_at": now,
        }
        incident_id = store.insert_incident(transaction, values)
        if incident_id is None:
            return Opened(self._tell_again(transaction, report, now), decision, policy["name"])
        reasons = [redact_text(reason) for reason in decision.reasons]
        detail = {"rule": decision.rule, "reasons": reasons, "policy": policy["name"]}
        store.add_event(transaction, incident_id, EventKind.OPENED, actor=report.actor, now=now, detail=detail)
        if suppressed:
            kind, why = EventKind.SUPPRESSED, suppressed.as_json()
            store.add_event(transaction, incident_id, kind, actor="receiver", now=now, detail=why)
        self._metrics.opened.labels(decision.severity.value).inc()
        return Opened(incident_id, decision, policy["name"])

    def acknowledge(self, transaction: Transaction, incident_id: int, *, by: str, note: str, now: datetime) -> Any:
        """Stop the escalation: somebody has it. The acknowledgement expires as the incident's policy says.

        Returns the incident's row. Raises NotFound, and Conflict when the incident is over.
        """
        row = self.held(transaction, incident_id)
        require_move(incident_id, Status(row.status), Status.INVESTIGATING)
        seconds = row.policy["acknowledgement_expires"]
        expires_at = None if seconds is None else now + timedelta(seconds=seconds)
        values = {
            "status": Status.INVESTIGATING.value,
            "acknowledged_at": row.acknowledged_at or now,
            "acknowledged_by": by,
            "acknowledgement_expires_at": expires_at,
            "next_escalation_at": None,
        }
        store.update_incident(transaction, incident_id, values, now)
        detail = {"expires_at": format_timestamp(expires_at) if expires_at else None, "note": redact_text(note)}
        store.add_event(transaction, incident_id, EventKind.ACKNOWLEDGED, actor=by, now=now, detail=detail)
        self._withdraw_pages(transaction, incident_id, now)
        if row.missed:
            return self.resolve(transaction, incident_id, by=by, note="it was over before it could be told", now=now)
        return self.held(transaction, incident_id)

    def expire_acknowledgement(self, transaction: Transaction, incident_id: int, now: datetime) -> None:
        """Open an incident again whose acknowledgement ran out: the policy begins anew, at once."""
        row = self.held(transaction, incident_id)
        values = {
            "status": Status.OPEN.value,
            "acknowledgement_expires_at": None,
            "next_escalation_at": now,
            "current_escalation_level": 0,
            "escalation_cycle": row.escalation_cycle + 1,
        }
        store.update_incident(transaction, incident_id, values, now)
        detail = {"acknowledged_by": row.acknowledged_by}
        kind = EventKind.ACKNOWLEDGEMENT_EXPIRED
        store.add_event(transaction, incident_id, kind, actor="ticker", now=now, detail=detail)

    def resolve(self, transaction: Transaction, incident_id: int, *, by: str, note: str, now: datetime) -> Any:
        """End an incident; nobody is told of it any more. Returns its row. Raises NotFound and Conflict."""
        row = self.held(transaction, incident_id)
        require_move(incident_id, Status(row.status), Status.RESOLVED)
        values = {
            "status": Status.RESOLVED.value,
            "resolved_at": now,
            "resolved_by": by,
            "next_escalation_at": None,
            "acknowledgement_expires_at": None,
            "resolution_held_at": None,
        }
        store.update_incident(transaction, incident_id, values, now)
        detail = {"note": redact_text(note)}
        store.add_event(transaction, incident_id, EventKind.RESOLVED, actor=by, now=now, detail=detail)
        self._withdraw_pages(transaction, incident_id, now)
        return self.held(transaction, incident_id)

    def reopen(self, transaction: Transaction, incident_id: int, *, by: str, reason: str, now: datetime) -> None:
        """Continue an incident that was resolved: its policy begins anew, at once. One not resolved stays as it is."""
        row = self.held(transaction, incident_id)
        if row.status != Status.RESOLVED.value:
            return
        values = {
            "status": Status.OPEN.value,
            "resolved_at": None,
            "resolved_by": None,
            "acknowledged_at": None,
            "acknowledged_by": None,
            "acknowledgement_expires_at": None,
            "suppressed_by": None,
            "next_escalation_at": now,
            "current_escalation_level": 0,
            "escalation_cycle": row.escalation_cycle + 1,
        }
        store.update_incident(transaction, incident_id, values, now)
        detail = {"reason": reason}
        store.add_event(transaction, incident_id, EventKind.REOPENED, actor=by, now=now, detail=detail)

    def fall_silent(self, transaction: Transaction, incident_id: int, why: Suppressed, now: datetime) -> bool:
        """Let nobody be told further while ``why`` lasts; returns False where something else does so already."""
        row = self.held(transaction, incident_id)
        if row.status == Status.RESOLVED.value or row.suppressed_by is not None:
            return False
        values = {"suppressed_by": why.as_json(), "next_escalation_at": why.until}
        store.update_incident(transaction, incident_id, values, now)
        kind = EventKind.SUPPRESSED
        store.add_event(transaction, incident_id, kind, actor="receiver", now=now, detail=why.as_json())
        return True

    def speak_again(self, transaction: Transaction, incident_id: int, kind: str, now: datetime) -> bool:
        """Go on at once with an incident that fell silent because of ``kind``; returns whether it had."""
        row = self.held(transaction, incident_id)
        if row.suppressed_by is None or row.suppressed_by["kind"] != kind:
            return False
        due_at = now if row.status == Status.OPEN.value else row.next_escalation_at
        store.update_incident(transaction, incident_id, {"suppressed_by": None, "next_escalation_at": due_at}, now)
        detail = dict(row.suppressed_by)
        store.add_event(transaction, incident_id, EventKind.WOKEN, actor="receiver", now=now, detail=detail)
        return True

    def doubt_resolution(self, transaction: Transaction, incident_id: int, *, reason: str, now: datetime) -> bool:
        """Note, once, that its alerts were said to be over and that this is not believed; returns whether it is new."""
        row = self.held(transaction, incident_id)
        if row.status == Status.RESOLVED.value or row.resolution_held_at is not None:
            return False
        store.update_incident(transaction, incident_id, {"resolution_held_at": now}, now)
        kind, detail = EventKind.RESOLUTION_HELD, {"reason": reason}
        store.add_event(transaction, incident_id, kind, actor="reconciler", now=now, detail=detail)
        return True

    def end_doubt(self, transaction: Transaction, incident_id: int, now: datetime) -> None:
        """Forget a doubted clearing: its alerts fire after all."""
        row = self.held(transaction, incident_id)
        if row.resolution_held_at is not None:
            store.update_incident(transaction, incident_id, {"resolution_held_at": None}, now)

    def held(self, transaction: Transaction, incident_id: int) -> Any:
        """Return the incident's row, held against others until the transaction ends; raises NotFound."""
        row = store.find_incident(transaction, incident_id, lock=True)
        if row is None:
            raise NotFound(f"there is no incident {incident_id}")
        return row

    def _tell_again(self, transaction: Transaction, report: Report, now: datetime) -> int:
        """Log a finding with the incident that tells of it already; returns its number."""
        incident_id = store.find_by_dedup_key(transaction, report.dedup_key or "")
        if incident_id is None:
            # Resolved between our two looks, by another replica: the caller's transaction is undone and tried again.
            raise Unavailable("the incident of this finding has just been resolved")
        detail = {"title": redact_text(report.title), "description": redact_text(report.description)}
        kind = EventKind.TOLD_AGAIN
        store.add_event(transaction, incident_id, kind, actor=report.actor, now=now, detail=detail)
        return incident_id

    def _withdraw_pages(self, transaction: Transaction, incident_id: int, now: datetime) -> None:
        withdrawn = self._cancel_pages(transaction, incident_id, now)
        if withdrawn:
            kind, detail = EventKind.PAGE_CANCELLED, {"pages": withdrawn}
            store.add_event(transaction, incident_id, kind, actor="receiver", now=now, detail=detail)

    def _context(
        self, transaction: Transaction, report: Report, calendar: Mapping[str, RegionFacts], now: datetime
    ) -> dict[str, Any]:
        touched = [calendar[name] for name in report.signal.regions if name in calendar] or list(calendar.values())
        return {
            "system_state": {
                "observed_at": format_timestamp(now),
                "open_incidents": store.open_counts(transaction),
                "calendar": {facts.region: facts.risk.value for facts in calendar.values()},
            },
            "affected_services": affected_services(report.signal, self._service_of_workflow),
            "user_impact_estimate": {
                "affected_users": report.signal.affected_users,
                "workflows": sorted(report.signal.workflows),
                "weddings_in_progress": sum(facts.weddings_in_progress for facts in touched),
            },
            "runbook_url": report.runbook_url,
            **({"reported": redact(dict(report.extra))} if report.extra else {}),
        }
