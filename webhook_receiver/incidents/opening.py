"""Open an incident: judged, explained, its first step due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_receiver.incidents import store
from webhook_receiver.incidents.classification import affected_services
from webhook_receiver.incidents.incident import EventKind, Status
from webhook_receiver.incidents.judgement import inputs_of_signal
from webhook_receiver.incidents.judging import Judging
from webhook_receiver.incidents.record import Parts
from webhook_receiver.incidents.report import Opened, Report
from wedsync_core.clock import format_timestamp
from wedsync_core.problems import Unavailable
from wedsync_core.redaction import redact, redact_text
from wedsync_core.season import RegionFacts
from wedsync_core.severity import Decision
from wedsync_core.storage import Transaction


@dataclass(frozen=True)
class Composed:
    """An incident that has not been written: its columns, and the first lines of its log (kind, actor, detail)."""

    values: dict[str, Any]
    lines: tuple[tuple[EventKind, str, Mapping[str, Any]], ...]
    decision: Decision


class Opening(Judging):
    """Writes new incidents."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._counted: tuple[datetime, dict[str, int]] | None = None

    def open(
        self, transaction: Transaction, report: Report, now: datetime, *, correlation: Mapping[str, Any] | None = None
    ) -> Opened:
        """Judge and write a new incident; its first escalation step is due at once, or when its suppression ends.

        A finding (``dedup_key``) whose incident is not resolved yet is told to that one once more instead.
        ``correlation`` is why an alert opens one; without it the report stands by itself and no alert's end ends it.
        """
        composed = self.compose(transaction, report, now, correlation=correlation)
        decision, policy_name = composed.decision, composed.values["escalation_policy"]
        incident_id = store.insert_incident(transaction, composed.values)
        if incident_id is None:
            return Opened(self._tell_again(transaction, report, now), decision, policy_name)
        for kind, actor, detail in composed.lines:
            self._log(transaction, incident_id, kind, detail, actor=actor, now=now)
        self.count_opened(composed)
        return Opened(incident_id, decision, policy_name)

    def count_opened(self, composed: Composed) -> None:
        """Count an incident that has been written."""
        self._parts.metrics.opened.labels(composed.decision.severity.value).inc()

    def compose(
        self, transaction: Transaction, report: Report, now: datetime, *, correlation: Mapping[str, Any] | None
    ) -> Composed:
        """Judge what is reported and return the incident it would open, as ``open`` writes it."""
        moment = report.judged_at or now
        judged = self.judge([report.signal], moment)
        decision, policy = judged.decision, judged.policy
        suppressed = self._parts.suppression(transaction, report, decision, now)
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
            "context": self._context(transaction, report, judged.calendar, now),
            "escalation_policy": policy["name"],
            "policy": dict(policy),
            "current_escalation_level": 0,
            "escalation_cycle": 0,
            "next_escalation_at": suppressed.until if suppressed else now,
            "suppressed_by": suppressed.as_json() if suppressed else None,
            "dedup_key": report.dedup_key,
            "missed": report.missed,
            # What was judged by an earlier moment is over: no later day makes it graver.
            "next_judgement_at": None if report.judged_at else judged.next_at,
            "correlation": correlation or {"reported": [redact(inputs_of_signal(report.signal))], "reasons": []},
            "alerts": 0 if correlation is None else 1,
            "created_at": now,
            "updated_at": now,
        }
        reasons = [redact_text(reason) for reason in decision.reasons]
        detail = {"rule": decision.rule, "reasons": reasons, "policy": policy["name"]}
        opened = (EventKind.OPENED, report.actor, detail)
        quiet = [(EventKind.SUPPRESSED, "receiver", suppressed.as_json())] if suppressed else []
        return Composed(values, (opened, *quiet), decision)

    def _open_counts(self, transaction: Transaction, now: datetime) -> dict[str, int]:
        """Return how many incidents are open. Counted once for all that open at one moment: a storm opens thousands."""
        counted = self._counted
        if counted is None or counted[0] != now:
            counted = self._counted = (now, store.open_counts(transaction))
        return counted[1]

    def _tell_again(self, transaction: Transaction, report: Report, now: datetime) -> int:
        """Log a finding with the incident that tells of it already; returns its number."""
        incident_id = store.find_by_dedup_key(transaction, report.dedup_key or "")
        if incident_id is None:
            # Resolved between our two looks, by another replica: the caller's transaction is undone and tried again.
            raise Unavailable("the incident of this finding has just been resolved")
        detail = {"title": redact_text(report.title), "description": redact_text(report.description)}
        self._log(transaction, incident_id, EventKind.TOLD_AGAIN, detail, actor=report.actor, now=now)
        return incident_id

    def _context(
        self, transaction: Transaction, report: Report, calendar: Mapping[str, RegionFacts], now: datetime
    ) -> dict[str, Any]:
        touched = [calendar[name] for name in report.signal.regions if name in calendar] or list(calendar.values())
        return {
            "system_state": {
                "observed_at": format_timestamp(now),
                "open_incidents": self._open_counts(transaction, now),
                "calendar": {facts.region: facts.risk.value for facts in calendar.values()},
            },
            "affected_services": affected_services(report.signal, self._parts.service_of_workflow),
            "user_impact_estimate": {
                "affected_users": report.signal.affected_users,
                "workflows": sorted(report.signal.workflows),
                "weddings_in_progress": sum(facts.weddings_in_progress for facts in touched),
            },
            "runbook_url": report.runbook_url,
            **({"reported": redact(dict(report.extra))} if report.extra else {}),
        }
