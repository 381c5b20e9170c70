"""Place many alerts that begin to fire in one transaction: what is open is read once, what changes is written once.

The decisions are those of one alert at a time (``service``), made in the same order, on the incidents as they are in
memory. What is not plain (people ruled about it, an incident rises, symptoms are folded, somebody must be told news) is
refused here; the caller has everything written and lets that one go its own way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from webhook_receiver.correlation import store
from webhook_receiver.correlation.decision import (
    Facts,
    Limits,
    OpenIncident,
    Part,
    Place,
    Topology,
    facts_of,
    parts_of,
    place,
)
from webhook_receiver.correlation.gathering import ACTOR, explained, is_news, reason_of, widened
from webhook_receiver.correlation.metrics import CorrelationMetrics
from webhook_receiver.incidents import store as incident_store
from webhook_receiver.incidents.incident import EventKind, Status
from webhook_receiver.incidents.opening import Composed
from webhook_receiver.incidents.service import Incidents, Report
from wedsync_core.storage import Transaction

_FIRST_NEW = 2**62
"""Numbers that new incidents go by until they are written: later than all there are."""


@dataclass(eq=False)
class Draft:
    """An incident as the transaction will leave it. ``row`` has its columns; a new one's number comes when written."""

    row: Any
    known: OpenIncident
    composed: Composed | None = None
    parts_changed: bool = False

    @property
    def number(self) -> int:
        """Its number; only meaningful once it has been written."""
        return int(self.row.id)


@dataclass(frozen=True)
class InCrowd:
    """Where an alert was placed."""

    draft: Draft
    place: Place


class Crowd:
    """The incidents that some alerts may belong to, for the length of one transaction."""

    def __init__(
        self,
        transaction: Transaction,
        now: datetime,
        *,
        incidents: Incidents,
        topology: Topology,
        limits: Limits,
        metrics: CorrelationMetrics,
    ) -> None:
        self._transaction = transaction
        self._now = now
        self._incidents = incidents
        self._topology = topology
        self._limits = limits
        self._metrics = metrics
        self._known: dict[int, OpenIncident] = {}
        self._by_name: dict[str, set[int]] = {}
        self._drafts: dict[int, Draft] = {}
        self._ruled: set[str] = set()
        self._lines: list[tuple[Draft, EventKind, str, Mapping[str, Any]]] = []

    def meet(self, reports: Mapping[str, Report]) -> None:
        """Read what the alerts to come (by fingerprint), none of which ever fired before, may belong to."""
        self._ruled = store.ruled_alerts(self._transaction, reports)
        names = {name for key, one in reports.items() for name in self._topology.related(self._facts(key, one))}
        if names:
            for one in store.incidents_near(self._transaction, names, self._now - self._limits.window):
                self._learn(one)

    def place(self, fingerprint: str, report: Report) -> InCrowd | None:
        """Place an alert among those that were met; None, and nothing changed, where that is not plain."""
        alert = self._facts(fingerprint, report)
        if fingerprint in self._ruled or max(len(alert.service), len(alert.third_party or "")) > store.LONGEST_SERVICE:
            return None
        near = self._near(alert)
        if near and self._incidents.would_sleep(self._transaction, report, self._now):
            alert = replace(alert, suppressed=True)
        where = place(alert, near, self._topology, self._limits, self._now)
        if where.folds:
            return None
        draft = (
            self._begin(report, alert, where)
            if where.incident_id is None
            else self._join(where.incident_id, report, alert, where)
        )
        if draft is None:
            return None
        self._metrics.placed.labels(where.reason).inc()
        return InCrowd(draft, where)

    def note(self, draft: Draft, kind: EventKind, actor: str, detail: Mapping[str, Any]) -> None:
        """Add a line to the log of an incident."""
        self._lines.append((draft, kind, actor, detail))

    def write(self) -> None:
        """Write every incident that is new or has changed, and the logs. The crowd is not to be used after it."""
        new = [draft for draft in self._drafts.values() if draft.composed is not None]
        changed = [draft for draft in self._drafts.values() if draft.composed is None]
        if new:
            for draft, number in zip(new, incident_store.reserve_numbers(self._transaction, len(new)), strict=True):
                draft.row.id = number
            incident_store.insert_incidents(self._transaction, [vars(draft.row) for draft in new])
            for draft in new:
                if draft.composed is not None:
                    self._incidents.count_opened(draft.composed)
        columns = ("affects", "regions", "context", "alerts", "correlation", "next_judgement_at")
        changes = [(draft.number, {name: getattr(draft.row, name) for name in columns}) for draft in changed]
        incident_store.change_incidents(self._transaction, changes, self._now)
        anew = [draft for draft in changed if draft.parts_changed]
        store.forget_parts(self._transaction, (draft.number for draft in anew))
        written = ((draft.number, draft.known.parts, draft.known.last_alert_at) for draft in (*new, *anew))
        store.add_all_parts(self._transaction, written)
        seen = [(draft.number, draft.known.last_alert_at) for draft in changed if not draft.parts_changed]
        store.see_alerts(self._transaction, seen)
        lines = ((draft.number, kind, actor, detail) for draft, kind, actor, detail in self._lines)
        incident_store.add_events(self._transaction, lines, self._now)

    def _facts(self, fingerprint: str, report: Report) -> Facts:
        return facts_of(fingerprint, report.labels, report.signal, self._topology)

    def _learn(self, incident: OpenIncident) -> None:
        self._known[incident.incident_id] = incident
        for part in incident.parts:
            self._by_name.setdefault(part.service, set()).add(incident.incident_id)

    def _near(self, alert: Facts) -> list[OpenIncident]:
        """Return what ``store.open_incidents`` would find for an alert that never fired and was never ruled about."""
        since = self._now - self._limits.window
        keys = {key for name in self._topology.related(alert) for key in self._by_name.get(name, ())}
        found = (self._known[key] for key in keys)
        return [one for one in found if one.last_alert_at is not None and one.last_alert_at >= since]

    def _begin(self, report: Report, alert: Facts, where: Place) -> Draft:
        reason = reason_of(where, alert.fingerprint, report.title, self._now)
        correlation = {"reported": [], "reasons": [reason]}
        composed = self._incidents.compose(self._transaction, report, self._now, correlation=correlation)
        known = OpenIncident(
            incident_id=_FIRST_NEW + len(self._drafts),
            opened_at=self._now,
            last_alert_at=self._now,
            alerts=1,
            parts=_ordered(parts_of([alert])),
            suppressed=composed.values["suppressed_by"] is not None,
        )
        draft = self._drafts[known.incident_id] = Draft(SimpleNamespace(**composed.values), known, composed)
        self._learn(known)
        for kind, actor, detail in composed.lines:
            self.note(draft, kind, actor, detail)
        return draft

    def _join(self, key: int, report: Report, alert: Facts, where: Place) -> Draft | None:
        draft = self._drafts.get(key) or self._hold(key)
        row, signal = draft.row, report.signal
        judged = self._incidents.judge([signal], self._now)
        awake = row.suppressed_by is None and row.status != Status.RESOLVED.value
        if not awake or self._incidents.would_rise(row, judged) or is_news(row, signal, judged.decision):
            return None
        alerts = row.alerts + 1
        widen = widened(row, [signal])
        reason = reason_of(where, alert.fingerprint, report.title, self._now)
        vars(row).update(widen, alerts=alerts, correlation=explained(row, reason))
        if row.next_judgement_at is not None and judged.next_at < row.next_judgement_at:
            row.next_judgement_at = judged.next_at
        parts = _ordered(parts_of([alert], draft.known.parts))
        draft.parts_changed |= parts != draft.known.parts
        last = self._now if alerts < self._limits.most_alerts else None
        draft.known = replace(draft.known, alerts=alerts, parts=parts, last_alert_at=last)
        self._drafts[key] = draft
        self._learn(draft.known)
        detail = {"alert": report.title, "reason": where.reason, "sentence": where.sentence}
        self.note(draft, EventKind.ALERT_JOINED, ACTOR, detail)
        return draft

    def _hold(self, key: int) -> Draft:
        row = self._incidents.held(self._transaction, key)
        return Draft(SimpleNamespace(**row._mapping), self._known[key])  # noqa: SLF001 -- a row's public mapping


def _ordered(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: part.service))
