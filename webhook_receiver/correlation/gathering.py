"""What happens to incidents when an alert joins one, when one takes in others, and when people merge and split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from webhook_receiver.correlation import store
from webhook_receiver.correlation.decision import Facts, Limits, Place, Topology, facts_of, joined_parts, parts_of
from webhook_receiver.escalation.telling import Telling
from webhook_receiver.incidents import store as incident_store
from webhook_receiver.incidents.classification import signal_of_alert
from webhook_receiver.incidents.incident import EventKind, Status
from webhook_receiver.incidents.service import Incidents, Report
from wedsync_core.clock import format_timestamp
from wedsync_core.problems import Conflict, FieldProblem, Invalid
from wedsync_core.redaction import redact_text
from wedsync_core.severity import Decision, Severity, Signal
from wedsync_core.storage import Transaction

ACTOR = "correlation"


class Gathering:
    """Changes what belongs to an incident. The rows of all concerned are held, and both logs tell of it."""

    def __init__(self, *, incidents: Incidents, telling: Telling, topology: Topology, limits: Limits) -> None:
        self._incidents = incidents
        self._telling = telling
        self._topology = topology
        self._limits = limits

    def begin(self, transaction: Transaction, report: Report, alert: Facts, place: Place, now: datetime) -> int:
        """Open an incident for an alert; returns its number."""
        reason = reason_of(place, alert.fingerprint, report.title, now)
        opened = self._incidents.open(transaction, report, now, correlation={"reported": [], "reasons": [reason]})
        store.add_parts(transaction, opened.incident_id, parts_of([alert]), now)
        return opened.incident_id

    def join(
        self, transaction: Transaction, row: Any, report: Report, alert: Facts, place: Place, now: datetime
    ) -> None:
        """Make an alert part of an incident (its row, held) that is not over, and judge that anew.

        A grave alert that brings a new region or workflow to what somebody has acknowledged is told to them.
        """
        signal = report.signal
        judged = self._incidents.judge([signal], now)
        alerts = row.alerts + (place.reason != "returned")
        values = {
            **widened(row, [signal]),
            "alerts": alerts,
            "correlation": explained(row, reason_of(place, alert.fingerprint, report.title, now)),
        }
        incident_store.update_incident(transaction, row.id, values, now)
        before = store.parts_of_incident(transaction, row.id)
        parts = parts_of([alert], before)
        if parts == before:
            store.see_alert(transaction, row.id, self._latest(alerts, now))
        else:
            store.write_parts(transaction, row.id, parts, self._latest(alerts, now))
        if row.next_judgement_at is not None and judged.next_at < row.next_judgement_at:
            incident_store.plan_judgement(transaction, row.id, judged.next_at)
        detail = {"alert": report.title, "reason": place.reason, "sentence": place.sentence}
        self._note(transaction, row.id, EventKind.ALERT_JOINED, detail, ACTOR, now)
        joined = self._incidents.held(transaction, row.id)
        if self._incidents.rise(transaction, joined, judged, cause=f"{report.title} joined", now=now):
            return
        if is_news(row, signal, judged.decision):
            people = self._telling.tell_holders(transaction, joined, report.title, now)
            self._note(transaction, row.id, EventKind.NEWS_TOLD, {"alert": report.title, "people": people}, ACTOR, now)

    def fold(self, transaction: Transaction, parent_id: int, place: Place, now: datetime) -> None:
        """Take the symptoms of a third party's outage into its incident.

        The parent is told at once. Where people were told of a symptom already and the same policy applies, it goes on
        from there, so that nobody is told later than without it, and those people learn the cause.
        """
        symptoms = [self._incidents.held(transaction, incident_id) for incident_id in sorted(place.folds)]
        symptoms = [row for row in symptoms if row.status != Status.RESOLVED.value]
        for row in symptoms:
            self._absorb(transaction, row, parent_id, place.reason, place.sentence, actor=ACTOR, now=now)
        parent = self._incidents.held(transaction, parent_id)
        under_way = [
            row
            for row in symptoms
            if row.status == Status.OPEN.value
            and row.current_escalation_level > 0
            and row.next_escalation_at is not None
            and row.escalation_policy == parent.escalation_policy
        ]
        if not under_way or parent.suppressed_by is not None:
            return
        values = {
            "current_escalation_level": max(row.current_escalation_level for row in under_way),
            "next_escalation_at": min(row.next_escalation_at for row in under_way),
        }
        incident_store.update_incident(transaction, parent_id, values, now)
        parent = self._incidents.held(transaction, parent_id)
        people = self._telling.tell_told(transaction, parent, [row.id for row in under_way], now)
        self._note(transaction, parent_id, EventKind.NEWS_TOLD, {"alert": parent.title, "people": people}, ACTOR, now)

    def merge(self, transaction: Transaction, incident_id: int, into: int, *, by: str, note: str, now: datetime) -> Any:
        """Make an incident part of another, for good: its alerts go there, now and when they fire again.

        Returns the other's row. Raises NotFound, Invalid for itself, and Conflict when one of the two is over.
        """
        if incident_id == into:
            problem = "an incident cannot be merged into itself"
            raise Invalid(f"into: {problem}", FieldProblem("into", problem))
        store.hold_places(transaction)
        rows = {number: self._incidents.movable(transaction, number) for number in sorted((incident_id, into))}
        for number, row in rows.items():
            if row.status == Status.RESOLVED.value:
                raise Conflict(f"incident {number} is resolved; only what is not over can be merged")
        here, there = (_fingerprints(store.episodes_of(transaction, number)) for number in (incident_id, into))
        store.rule(transaction, product(here, there), "together", by=by, now=now)
        sentence = redact_text(f"{by} merged incident {incident_id} into {into}" + (f": {note}" if note else ""))
        self._absorb(transaction, rows[incident_id], into, "merged_by_hand", sentence, actor=by, now=now)
        target = self._incidents.held(transaction, into)
        if target.suppressed_by is not None and rows[incident_id].suppressed_by is None:
            # What was awake must not fall asleep by joining what is not.
            values = {"suppressed_by": None, "next_escalation_at": now}
            incident_store.update_incident(transaction, into, values, now)
            self._note(transaction, into, EventKind.WOKEN, {"reason": "merged_by_hand"}, by, now)
        return self._incidents.held(transaction, into)

    def split(
        self,
        transaction: Transaction,
        incident_id: int,
        fingerprints: Sequence[str],
        *,
        by: str,
        note: str,
        now: datetime,
    ) -> int:
        """Make some alerts of an incident another one, for good; returns the new incident's number.

        Raises NotFound, Conflict when it is over, and Invalid when the alerts are not in it, when none of them fires,
        and when none would be left.
        """
        store.hold_places(transaction)
        row = self._incidents.movable(transaction, incident_id)
        if row.status == Status.RESOLVED.value:
            raise Conflict(f"incident {incident_id} is resolved; only what is not over can be split")
        episodes = store.episodes_of(transaction, incident_id)
        gone = [one for one in episodes if one.fingerprint in set(fingerprints)]
        left = [one for one in episodes if one.fingerprint not in set(fingerprints)]
        _refuse_wrong_split(incident_id, fingerprints, gone, left)
        firing = [one for one in gone if one.state == "firing"]
        sentence = redact_text(f"{by} split it off incident {incident_id}" + (f": {note}" if note else ""))
        place = Place(None, "split_by_hand", sentence)
        first = firing[0]
        report = _report(first, by)
        new_id = self.begin(transaction, report, self._facts(first), place, now)
        store.move_episodes(transaction, incident_id, new_id, set(fingerprints))
        store.rule(transaction, product(_fingerprints(gone), _fingerprints(left)), "apart", by=by, now=now)
        for number, members in ((incident_id, left), (new_id, gone)):
            self._recount(transaction, self._incidents.held(transaction, number), members, now)
        for fingerprint in _fingerprints(firing):
            store.explain_episode(transaction, fingerprint, place.reason, sentence)
        detail = {"alerts": sorted(set(fingerprints)), "note": redact_text(note)}
        self._note(transaction, incident_id, EventKind.SPLIT, {**detail, "into": str(new_id)}, by, now)
        self._note(transaction, new_id, EventKind.SPLIT, {**detail, "from": str(incident_id)}, by, now)
        new = self._incidents.held(transaction, new_id)
        judged = self._incidents.judge(self._incidents.signals_of(transaction, new), now)
        self._incidents.rise(transaction, new, judged, cause="split off", now=now)
        if not any(one.state == "firing" for one in left) and not (row.correlation or {}).get("reported"):
            why = "every alert that is left has cleared"
            self._incidents.resolve(transaction, incident_id, by=by, note=why, now=now)
        return new_id

    def _absorb(
        self, transaction: Transaction, source: Any, into: int, reason: str, sentence: str, *, actor: str, now: datetime
    ) -> None:
        """End an incident in another one. Both are held and not over."""
        signals = self._incidents.signals_of(transaction, source)
        parts = joined_parts(
            store.parts_of_incident(transaction, into), store.parts_of_incident(transaction, source.id)
        )
        store.move_episodes(transaction, source.id, into)
        target = self._incidents.held(transaction, into)
        place = Place(into, reason, sentence)
        before = target.correlation or {}
        reported = (source.correlation or {}).get("reported", [])
        explains = explained(target, reason_of(place, f"incident {source.id}", source.title, now))
        values = {
            **widened(target, signals, source),
            "alerts": target.alerts + source.alerts,
            "correlation": {**explains, "reported": [*before.get("reported", []), *reported]},
        }
        incident_store.update_incident(transaction, into, values, now)
        store.write_parts(transaction, into, parts, self._latest(values["alerts"], now))
        store.write_parts(transaction, source.id, (), None)
        self._incidents.end_in(transaction, source, into, by=actor, now=now)
        detail = {"reason": reason, "sentence": sentence}
        self._note(transaction, source.id, EventKind.MERGED, {**detail, "into": str(into)}, actor, now)
        self._note(transaction, into, EventKind.MERGED, {**detail, "from": str(source.id)}, actor, now)
        wider = self._incidents.held(transaction, into)
        judged = self._incidents.judge(self._incidents.signals_of(transaction, wider), now)
        self._incidents.rise(transaction, wider, judged, cause=f"incident {source.id} was merged into it", now=now)

    def _recount(self, transaction: Transaction, row: Any, members: Sequence[Any], now: datetime) -> None:
        """Write what an incident is about once some of its alerts have gone elsewhere. Its severity never falls."""
        facts = [self._facts(one) for one in members]
        count = len(_fingerprints(members))
        values = {
            "alerts": count,
            "affects": sorted({name for one in facts for name in one.workflows}),
            "regions": sorted({name for one in facts for name in one.regions}),
        }
        incident_store.update_incident(transaction, row.id, values, now)
        store.write_parts(transaction, row.id, parts_of(facts), self._latest(count, now))

    def _latest(self, alerts: int, now: datetime) -> datetime | None:
        """Return the moment that the window counts from; None for an incident that is full."""
        return now if alerts < self._limits.most_alerts else None

    def _facts(self, episode: Any) -> Facts:
        return facts_of(episode.fingerprint, episode.labels, signal_of_alert(episode.labels), self._topology)

    def _note(
        self,
        transaction: Transaction,
        incident_id: int,
        kind: EventKind,
        detail: Mapping[str, Any],
        actor: str,
        now: datetime,
    ) -> None:
        incident_store.add_event(transaction, incident_id, kind, actor=actor, now=now, detail=detail)


def is_news(row: Any, signal: Signal, decision: Decision) -> bool:
    """Return whether a grave alert brings a new region or workflow to what somebody has acknowledged."""
    more = bool(signal.regions - set(row.regions) or signal.workflows - set(row.affects))
    grave = decision.severity is Severity.CRITICAL or signal.rule_severity == "critical"
    return more and grave and row.status in (Status.INVESTIGATING.value, Status.IN_PROGRESS.value)


def widened(row: Any, signals: Iterable[Signal], source: Any = None) -> dict[str, Any]:
    """Return an incident's regions, workflows and services with those of ``signals``."""
    known = list(signals)
    services = {*row.context.get("affected_services", ()), *(signal.service for signal in known)}
    affects = {*row.affects, *(name for signal in known for name in signal.workflows)}
    regions = {*row.regions, *(name for signal in known for name in signal.regions)}
    if source is not None:
        services |= set(source.context.get("affected_services", ()))
        affects |= set(source.affects)
        regions |= set(source.regions)
    return {
        "affects": sorted(affects),
        "regions": sorted(regions),
        "context": {**row.context, "affected_services": sorted(services)},
    }


def reason_of(place: Place, subject: str, title: str, now: datetime) -> dict[str, Any]:
    """Return why something is part of an incident, as it is kept with that."""
    return {
        "subject": subject,
        "title": title,
        "reason": place.reason,
        "sentence": place.sentence,
        "at": format_timestamp(now),
    }


def explained(row: Any, reason: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an incident keeps of its correlation, with one reason more."""
    before = row.correlation or {"reported": [], "reasons": []}
    return {**before, "reasons": [*before["reasons"], reason]}


def _fingerprints(episodes: Iterable[Any]) -> set[str]:
    return {one.fingerprint for one in episodes}


def _report(episode: Any, by: str) -> Report:
    return Report(
        title=episode.annotations.get("summary") or episode.labels.get("alertname", "unnamed alert"),
        description=episode.annotations.get("description", ""),
        signal=signal_of_alert(episode.labels),
        actor=by,
        auto_created=True,
        runbook_url=episode.annotations.get("runbook_url", ""),
        labels=episode.labels,
    )


def _refuse_wrong_split(
    incident_id: int, fingerprints: Sequence[str], gone: Sequence[Any], left: Sequence[Any]
) -> None:
    known = _fingerprints(gone)
    for position, fingerprint in enumerate(fingerprints):
        if fingerprint not in known:
            problem = f"incident {incident_id} has no alert {fingerprint!r}"
            raise Invalid(problem, FieldProblem(f"fingerprints.{position}", problem))
    problem = ""
    if not left:
        problem = f"incident {incident_id} would be left without an alert: resolve it, or leave one where it is"
    elif not any(one.state == "firing" for one in gone):
        problem = "none of these alerts fires any more: there is nothing to open an incident about"
    if problem:
        raise Invalid(f"fingerprints: {problem}", FieldProblem("fingerprints", problem))
