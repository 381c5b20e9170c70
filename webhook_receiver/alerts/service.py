"""The moves of an episode, each inside the caller's transaction: its row, its incident, the incident's log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from webhook_receiver.alerts import episode_store as store
from webhook_receiver.alerts.contract import Sighting
from webhook_receiver.alerts.episode import CONFIRM_WITHIN, RECORDED_ONLY, Decision, Move, Remembered
from webhook_receiver.correlation.crowd import Crowd
from webhook_receiver.correlation.service import Correlation
from webhook_receiver.incidents import store as incident_store
from webhook_receiver.incidents.classification import signal_of_alert
from webhook_receiver.incidents.incident import EventKind, Status, Suppressed
from webhook_receiver.incidents.service import Incidents, Report
from wedsync_core.redaction import redact
from wedsync_core.storage import Transaction

SUPPRESSED_BY = "alertmanager"


@dataclass(frozen=True)
class Told:
    """Who says it, when, and in which group of Alertmanager's."""

    actor: str
    now: datetime
    group_key: str = ""
    heard_at: datetime | None = None
    """When the message came, which may have waited; None: now."""

    @property
    def seen_at(self) -> datetime:
        """The moment that an episode's own times are in: messages that waited together keep their order by it."""
        return self.heard_at or self.now


class Episodes:
    """Carries out what has been decided. Episodes are held by the caller; incidents are held here."""

    def __init__(self, *, incidents: Incidents, correlation: Correlation, reopen_window: timedelta) -> None:
        self._incidents = incidents
        self._correlation = correlation
        self._reopen_window = reopen_window

    def apply(
        self, transaction: Transaction, sighting: Sighting, known: Remembered | None, decision: Decision, told: Told
    ) -> None:
        """Make a decided move. Secrets and personal data are taken out of what is kept."""
        clean, move = redacted(sighting), decision.move
        if move is Move.OPEN:
            self._open(transaction, clean, decision.reason, told)
        elif move is Move.HOLD_BACK:
            confirm_by = told.now + CONFIRM_WITHIN
            store.open_episode(transaction, clean, told.group_key, told.seen_at, confirm_by=confirm_by)
        elif move is Move.RECORD_END:
            store.record_closed(transaction, clean, told.group_key, told.seen_at, "unseen")
        elif known is None or move is Move.IGNORE:
            return
        elif move is Move.REOPEN:
            self._reopen(transaction, clean, known, decision.reason, told)
        elif move is Move.PLACE:
            store.see_again(transaction, known, clean, told.seen_at)
            self.place(transaction, known, clean, decision.reason, told)
        elif move in {Move.SEE_AGAIN, Move.REOPEN_INCIDENT}:
            self._see_again(transaction, clean, known, decision, told)
        elif move is Move.HOLD_RESOLUTION:
            store.hold_resolution(transaction, known.episode_id, clean.ends_at, told.now)
        elif move is Move.CLOSE:
            self.close(transaction, known, told, ends_at=clean.ends_at, resolution="told")

    def hold_places(self, transaction: Transaction) -> None:
        """Let no other replica place alerts; before anything else is locked (see Correlation.hold)."""
        self._correlation.hold(transaction)

    def crowd(self, transaction: Transaction, now: datetime) -> Crowd:
        """Return what places many alerts in one transaction."""
        return self._correlation.crowd(transaction, now)

    def place(self, transaction: Transaction, known: Remembered, clean: Sighting, reason: str, told: Told) -> None:
        """Give an open episode that has none an incident; it is active upstream."""
        store.set_upstream(transaction, known.episode_id, "active", None, None)
        if known.incident_id is not None or recorded_only(clean):
            return
        earlier = store.before(transaction, known) if known.confirm_by is not None else None
        if earlier is not None and earlier.incident_id is not None and self._goes_on(earlier, known):
            self._go_on(transaction, known.episode_id, earlier.incident_id, clean, reason, told)
        else:
            self._join(transaction, known.episode_id, clean, reason, told)

    def close(
        self, transaction: Transaction, known: Remembered, told: Told, *, ends_at: datetime | None, resolution: str
    ) -> None:
        """End an episode, and with the last one of an incident the incident."""
        store.close_episode(transaction, known.episode_id, ends_at=ends_at, now=told.seen_at, resolution=resolution)
        if known.incident_id is None:
            return
        # The incident is held before its alerts are counted: two alerts that end at once must not each see the other.
        self._incidents.held(transaction, known.incident_id)
        detail = {**alert_named(known.labels, known.fingerprint, known.annotations), "resolution": resolution}
        self._note(transaction, known.incident_id, EventKind.ALERT_RESOLVED, detail, told)
        self._settle(transaction, known.incident_id, told)

    def suppress(
        self, transaction: Transaction, known: Remembered, state: str, detail: Mapping[str, Any], told: Told
    ) -> None:
        """Record that Alertmanager silences, inhibits or mutes an open episode."""
        store.set_upstream(transaction, known.episode_id, state, detail, None)
        if known.incident_id is not None:
            self._incidents.held(transaction, known.incident_id)
            shown = {**alert_named(known.labels, known.fingerprint, known.annotations), "state": state, **detail}
            self._note(transaction, known.incident_id, EventKind.ALERT_SUPPRESSED, shown, told)
            self._settle(transaction, known.incident_id, told)

    def mark_absent(self, transaction: Transaction, known: Remembered, why: str, told: Told) -> None:
        """Record that no Alertmanager has an open episode. What was suppressed stays so: it may just have ended."""
        state = "absent" if known.upstream == "active" else known.upstream
        store.set_upstream(transaction, known.episode_id, state, {"source": why}, told.now)

    def record_suppressed(
        self, transaction: Transaction, clean: Sighting, state: str, detail: Mapping[str, Any], told: Told
    ) -> None:
        """Record an alert that was suppressed before we heard of it; it has no incident until it is active."""
        upstream = {"upstream": state, "upstream_detail": dict(detail)}
        store.open_episode(transaction, clean, told.group_key, told.seen_at, **upstream)

    def doubt(self, transaction: Transaction, known: Remembered, reason: str, told: Told) -> bool:
        """Note that a held resolution is not believed for now; returns whether that is new."""
        if known.incident_id is None:
            return False
        return self._incidents.doubt_resolution(transaction, known.incident_id, reason=reason, now=told.now)

    def believe_firing(self, transaction: Transaction, known: Remembered, reason: str, told: Told) -> None:
        """Drop a held resolution: the alert fires after all."""
        store.end_hold(transaction, known.episode_id)
        if known.incident_id is not None:
            self._incidents.end_doubt(transaction, known.incident_id, told.now)
            detail = {**alert_named(known.labels, known.fingerprint, known.annotations), "reason": reason}
            self._note(transaction, known.incident_id, EventKind.ALERT_FIRING, detail, told)

    def activate(self, transaction: Transaction, known: Remembered, told: Told) -> None:
        """Record that nothing holds an open episode back any more; its incident goes on at once."""
        store.set_upstream(transaction, known.episode_id, "active", None, None)
        if known.incident_id is not None and known.upstream != "absent":
            self._incidents.held(transaction, known.incident_id)
            shown = {**alert_named(known.labels, known.fingerprint, known.annotations), "was": known.upstream}
            self._note(transaction, known.incident_id, EventKind.ALERT_ACTIVE_AGAIN, shown, told)
            self._wake(transaction, known.incident_id, told)

    def _open(self, transaction: Transaction, clean: Sighting, reason: str, told: Told) -> None:
        episode_id = store.open_episode(transaction, clean, told.group_key, told.seen_at)
        # None: another replica opened it between our look and our write.
        if episode_id is not None and not recorded_only(clean):
            self._join(transaction, episode_id, clean, reason, told)

    def _join(self, transaction: Transaction, episode_id: int, clean: Sighting, reason: str, told: Told) -> None:
        placed = self._correlation.place(transaction, clean.fingerprint, report_of(clean, told.actor), told.now)
        store.join_incident(transaction, episode_id, placed.incident_id)
        detail = {**alert_named(clean.labels, clean.fingerprint, clean.annotations), "reason": reason}
        self._note(transaction, placed.incident_id, EventKind.ALERT_FIRING, detail, told)
        if placed.joined:
            self._wake(transaction, placed.incident_id, told)

    def _goes_on(self, earlier: Remembered, known: Remembered) -> bool:
        """Whether an episode that had to be confirmed is the earlier one again, as it would have been without doubt."""
        closed_at = earlier.resolved_at or earlier.last_seen_at
        resolved_by_person = earlier.incident is not None and earlier.incident.by_person
        return known.first_seen_at - closed_at < self._reopen_window and not resolved_by_person

    def _go_on(
        self, transaction: Transaction, episode_id: int, incident_id: int, clean: Sighting, reason: str, told: Told
    ) -> None:
        store.join_incident(transaction, episode_id, incident_id, "its_earlier_life")
        self._incidents.reopen(transaction, incident_id, by=told.actor, reason=reason, now=told.now)
        detail = {**alert_named(clean.labels, clean.fingerprint, clean.annotations), "reason": reason}
        self._note(transaction, incident_id, EventKind.ALERT_FIRING, detail, told)
        self._wake(transaction, incident_id, told)

    def _reopen(self, transaction: Transaction, clean: Sighting, known: Remembered, reason: str, told: Told) -> None:
        store.reopen(transaction, known, clean, told.seen_at)
        if known.incident_id is None:
            if not recorded_only(clean):
                self._join(transaction, known.episode_id, clean, reason, told)
            return
        self._incidents.reopen(transaction, known.incident_id, by=told.actor, reason=reason, now=told.now)
        detail = {**alert_named(clean.labels, clean.fingerprint, clean.annotations), "reason": reason}
        self._note(transaction, known.incident_id, EventKind.ALERT_FIRING, detail, told)
        self._wake(transaction, known.incident_id, told)

    def _see_again(
        self, transaction: Transaction, clean: Sighting, known: Remembered, decision: Decision, told: Told
    ) -> None:
        store.see_again(transaction, known, clean, told.seen_at)
        if known.confirm_by is not None:
            return
        if known.upstream != "active":
            # It was told: Alertmanager does not hold it back, and has it.
            self.activate(transaction, known, told)
        if known.incident_id is None:
            return
        if decision.move is Move.REOPEN_INCIDENT:
            reason = decision.reason
            self._incidents.reopen(transaction, known.incident_id, by=told.actor, reason=reason, now=told.now)
        if known.resolve_held_at is not None:
            self._incidents.end_doubt(transaction, known.incident_id, told.now)
        if clean.annotations.get("summary") != known.annotations.get("summary"):
            detail = alert_named(clean.labels, clean.fingerprint, clean.annotations)
            self._note(transaction, known.incident_id, EventKind.ALERT_CHANGED, detail, told)

    def _settle(self, transaction: Transaction, incident_id: int, told: Told) -> None:
        """Let an incident be what its alerts make of it: over, silent, or awake."""
        row = self._incidents.held(transaction, incident_id)
        if row.status == Status.RESOLVED.value:
            return
        firing, quiet = store.firing_in(transaction, incident_id)
        if not firing:
            if (row.correlation or {}).get("reported"):
                return  # a person reported it as well: no alert's end ends that
            note = "every alert of the incident has cleared"
            self._incidents.resolve(transaction, incident_id, by=told.actor, note=note, now=told.now)
        elif firing == quiet:
            why = Suppressed(SUPPRESSED_BY, "suppressed", "every alert of it is silenced or inhibited there", None)
            self._incidents.fall_silent(transaction, incident_id, why, told.now)
        else:
            self._wake(transaction, incident_id, told)

    def _wake(self, transaction: Transaction, incident_id: int, told: Told) -> None:
        """Let an incident speak again of which an alert is active, if Alertmanager's silence was what held it."""
        self._incidents.speak_again(transaction, incident_id, SUPPRESSED_BY, told.now)

    def _note(
        self, transaction: Transaction, incident_id: int, kind: EventKind, detail: Mapping[str, Any], told: Told
    ) -> None:
        incident_store.add_event(transaction, incident_id, kind, actor=told.actor, now=told.now, detail=detail)


def redacted(sighting: Sighting) -> Sighting:
    """Return the sighting with secrets and personal data taken out of its annotations and labels' values."""
    return replace(
        sighting,
        labels=cast("dict[str, str]", redact(dict(sighting.labels))),
        annotations=cast("dict[str, str]", redact(dict(sighting.annotations))),
    )


def recorded_only(sighting: Sighting) -> bool:
    """Return whether an alert opens nothing, by its severity."""
    return sighting.labels.get("severity") in RECORDED_ONLY


def alert_named(labels: Mapping[str, str], fingerprint: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    """Return how an incident's log names an alert."""
    name = labels.get("alertname", "unnamed alert")
    return {"alertname": name, "fingerprint": fingerprint, "summary": annotations.get("summary") or name}


def report_of(sighting: Sighting, actor: str) -> Report:
    """Return what an alert, fit to be stored, reports."""
    return Report(
        title=sighting.annotations.get("summary") or sighting.name,
        description=sighting.annotations.get("description", ""),
        signal=signal_of_alert(sighting.labels),
        actor=actor,
        auto_created=True,
        runbook_url=sighting.annotations.get("runbook_url", ""),
        labels=sighting.labels,
    )
