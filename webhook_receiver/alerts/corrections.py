"""Carry out what the comparison finds: each alert judged once more on its held row, in small transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from webhook_receiver.alerts import episode_store as store
from webhook_receiver.alerts.comparison import (
    Correction,
    Patience,
    Verdict,
    View,
    judge_open,
    judge_unknown,
    state_of,
    undelivered,
)
from webhook_receiver.alerts.contract import WATCHDOG, NotUnderstood, Sighting, read_alert
from webhook_receiver.alerts.episode import RECORDED_ONLY, Heard, Move, Remembered, decide
from webhook_receiver.alerts.metrics import ReconcileMetrics
from webhook_receiver.alerts.service import Episodes, Told, redacted
from webhook_receiver.sources.contract import UpstreamAlert
from wedsync_core.clock import Clock, format_timestamp
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

PER_TRANSACTION = 100
ACTOR = "reconciler"
ALERTMANAGER = "alertmanager"


class Corrections:
    """Puts our picture right."""

    def __init__(
        self,
        *,
        database: Database,
        episodes: Episodes,
        receivers: Sequence[str],
        patience: Patience,
        reopen_window: timedelta,
        clock: Clock,
        metrics: ReconcileMetrics,
    ) -> None:
        self._database = database
        self._episodes = episodes
        self._receivers = frozenset(receivers)
        self._patience = patience
        self._reopen_window = reopen_window
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("reconciler")

    def make(self, view: View) -> int:
        """Compare everything with what the sources answered; returns how many alerts were put right."""
        with self._database.read() as transaction:
            open_ones = store.open_ones(transaction)
            known = {one.fingerprint for one in open_ones}
            strangers = [alert for alert in (view.alerts or {}).values() if self._may_be_ours(alert, known)]
            last = store.latest_of(transaction, [alert.fingerprint for alert in strangers])
        wrong = [one.fingerprint for one in open_ones if self._judge(one.fingerprint, one, view) is not None]
        wrong += [
            alert.fingerprint
            for alert in strangers
            if self._judge(alert.fingerprint, last.get(alert.fingerprint), view) is not None
        ]
        corrected = 0
        for start in range(0, len(wrong), PER_TRANSACTION):
            corrected += self._correct(sorted(wrong[start : start + PER_TRANSACTION]), view)
        return corrected + self._deliver(view, [one.labels for one in open_ones])

    def believe_unanswered(self) -> int:
        """Open what nobody confirmed or denied in time: a page too many is better than none. Returns how many."""
        now = self._clock.now()
        with self._database.read() as transaction:
            if not store.unconfirmed(transaction, now, 1):
                return 0
        with self._database.write() as transaction:
            self._episodes.hold_places(transaction)
            waiting = store.remembered(transaction, store.unconfirmed(transaction, now, PER_TRANSACTION))
            due = [one for one in waiting.values() if one.firing and one.confirm_by is not None]
            for one in due:
                reason = "nobody_answered_in_time"
                self._episodes.place(transaction, one, _sighting_of_row(one), reason, Told(ALERTMANAGER, now))
        return len(due)

    def _deliver(self, view: View, known: Sequence[Mapping[str, str]]) -> int:
        """Open what fires in Prometheus and has no episode, while no Alertmanager is there; returns how many."""
        new = [one for labels in undelivered(view, self._patience) if (one := _undelivered(labels, view, known))]
        opened = 0
        for start in range(0, len(new), PER_TRANSACTION):
            piece = new[start : start + PER_TRANSACTION]
            with self._database.write() as transaction:
                self._episodes.hold_places(transaction)
                last = store.remembered(transaction, [one.fingerprint for one in piece])
                for sighting in piece:
                    before = last.get(sighting.fingerprint)
                    if before is None or not before.firing:
                        told = Told(ACTOR, self._clock.now())
                        decision = decide(sighting, before, self._heard(view))
                        self._episodes.apply(transaction, sighting, before, decision, told)
                        opened += 1
        self._metrics.corrections.labels(Correction.UNDELIVERED.value).inc(opened)
        return opened

    def _may_be_ours(self, alert: UpstreamAlert, known: set[str]) -> bool:
        return (
            alert.fingerprint not in known
            and not self._receivers.isdisjoint(alert.receivers)
            and alert.labels.get("alertname") != WATCHDOG
        )

    def _judge(self, fingerprint: str, known: Remembered | None, view: View) -> Verdict | None:
        """Return what is to be done with one alert; None for nothing."""
        upstream = (view.alerts or {}).get(fingerprint)
        if known is None or not known.firing:
            verdict = judge_unknown(upstream, known, view, self._patience) if upstream else None
        else:
            verdict = judge_open(known, view, self._patience)
            if verdict.correction is Correction.KEEP and self._needs_incident(known, upstream, view):
                verdict = Verdict(Correction.OPENED, "fires_without_an_open_incident")
        if verdict is None or verdict.correction is Correction.KEEP:
            return None
        return verdict

    def _needs_incident(self, known: Remembered, upstream: UpstreamAlert | None, view: View) -> bool:
        if upstream is None or upstream.suppressed or known.last_seen_at > view.asked_at:
            return False
        if known.confirm_by is not None or known.resolve_held_at is not None:
            return False
        if known.incident is not None and known.incident.resolved_at is None:
            return False
        return decide(_sighting_of_row(known), known, self._heard(view)).move in {Move.PLACE, Move.REOPEN_INCIDENT}

    def _heard(self, view: View) -> Heard:
        return Heard(at=view.asked_at, now=view.asked_at, reopen_window=self._reopen_window, confirmed=True)

    def _correct(self, fingerprints: Sequence[str], view: View) -> int:
        """Correct a piece in one transaction; if a fault of ours undoes it, alert by alert."""
        try:
            return self._correct_together(fingerprints, view)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 -- a fault of ours in one alert must not cost the others their correction
            self._metrics.errors.inc()
            self._log.exception("corrections_failed", alerts=len(fingerprints))
            if len(fingerprints) == 1:
                return 0
        return sum(self._correct([fingerprint], view) for fingerprint in fingerprints)

    def _correct_together(self, fingerprints: Sequence[str], view: View) -> int:
        made: list[Correction] = []
        with self._database.write() as transaction:
            self._episodes.hold_places(transaction)
            known = store.remembered(transaction, fingerprints)
            for fingerprint in fingerprints:
                one = known.get(fingerprint)
                verdict = self._judge(fingerprint, one, view)
                if verdict is not None and self._carry_out(transaction, fingerprint, one, verdict, view):
                    made.append(verdict.correction)
        for correction in made:
            self._metrics.corrections.labels(correction.value).inc()
        return len(made)

    def _carry_out(
        self, transaction: Transaction, fingerprint: str, known: Remembered | None, verdict: Verdict, view: View
    ) -> bool:
        """Make one correction; returns whether anything changed."""
        told = Told(ACTOR, self._clock.now())
        upstream = (view.alerts or {}).get(fingerprint)
        correction = verdict.correction
        if known is None or not known.firing:
            return upstream is not None and self._meet(transaction, known, upstream, correction, told, view)
        if correction is Correction.OPENED:
            decision = decide(_sighting_of_row(known), known, self._heard(view))
            self._episodes.apply(transaction, _sighting_of_row(known), known, decision, told)
        elif correction is Correction.CONFIRMED:
            self._episodes.place(transaction, known, _sighting_of_row(known), verdict.reason, told)
        elif correction is Correction.SUPPRESSED and upstream is not None:
            self._episodes.suppress(transaction, known, state_of(upstream), _detail(upstream), told)
        elif correction is Correction.ACTIVATED:
            self._activate(transaction, known, told, view)
        elif correction is Correction.ABSENT:
            self._episodes.mark_absent(transaction, known, verdict.reason, told)
        elif correction is Correction.STANDS:
            self._episodes.believe_firing(transaction, known, verdict.reason, told)
        elif correction is Correction.DOUBTED:
            return self._episodes.doubt(transaction, known, verdict.reason, told)
        else:
            self._end(transaction, known, correction, told)
        return True

    def _end(self, transaction: Transaction, known: Remembered, correction: Correction, told: Told) -> None:
        if correction is Correction.ENDED:
            by = Told(ALERTMANAGER, told.now)
            self._episodes.close(transaction, known, by, ends_at=known.ends_at, resolution="told")
        elif correction is Correction.RECONCILED:
            self._episodes.close(transaction, known, told, ends_at=known.absent_since, resolution="reconciled")
        elif correction is Correction.OLD_NEWS:
            self._episodes.close(transaction, known, told, ends_at=None, resolution="old_news")

    def _activate(self, transaction: Transaction, known: Remembered, told: Told, view: View) -> None:
        self._episodes.activate(transaction, known, told)
        decision = decide(_sighting_of_row(known), known, self._heard(view))
        if decision.move in {Move.PLACE, Move.REOPEN_INCIDENT}:
            self._episodes.apply(transaction, _sighting_of_row(known), known, decision, told)

    def _meet(
        self,
        transaction: Transaction,
        last: Remembered | None,
        upstream: UpstreamAlert,
        correction: Correction,
        told: Told,
        view: View,
    ) -> bool:
        """Take in an alert that we had not heard of, as intake would."""
        sighting = sighting_of(upstream, told.now)
        if sighting is None:
            return False
        if correction is Correction.SUPPRESSED:
            if sighting.labels.get("severity") in RECORDED_ONLY:
                return False
            state, detail = state_of(upstream), _detail(upstream)
            self._episodes.record_suppressed(transaction, redacted(sighting), state, detail, told)
            return True
        self._episodes.apply(transaction, sighting, last, decide(sighting, last, self._heard(view)), told)
        return True


def sighting_of(upstream: UpstreamAlert, now: datetime) -> Sighting | None:
    """Return an alert of Alertmanager's as intake would read it; None for one without labels."""
    alert: dict[str, Any] = {
        "status": "firing",
        "fingerprint": upstream.fingerprint,
        "labels": dict(upstream.labels),
        "annotations": dict(upstream.annotations),
        "startsAt": format_timestamp(upstream.starts_at),
        "generatorURL": upstream.generator_url,
    }
    try:
        return read_alert(alert, now)
    except NotUnderstood:
        return None


def _undelivered(labels: Mapping[str, str], view: View, known: Sequence[Mapping[str, str]]) -> Sighting | None:
    """Return an alert that only Prometheus tells of as intake would read it; None: it is known, or opens nothing.

    Known is one whose labels an open episode has all: on the way to Alertmanager external ones may be added.
    """
    name = labels.get("alertname", "an alert")
    alert = {
        "status": "firing",
        "labels": dict(labels),
        "annotations": {
            "summary": f"{name} fires in Prometheus, and no Alertmanager delivers it",
            "description": "It was read from Prometheus: silences and inhibitions could not be looked at.",
        },
        "startsAt": format_timestamp(view.asked_at),
    }
    try:
        sighting = read_alert(alert, view.asked_at)
    except NotUnderstood:
        return None
    kept = redacted(sighting).labels
    if kept.get("severity") in RECORDED_ONLY or any(kept.items() <= one.items() for one in known):
        return None
    return sighting


def _sighting_of_row(known: Remembered) -> Sighting:
    """Return an open episode as if it were seen once more as it is."""
    return Sighting(
        fingerprint=known.fingerprint,
        firing=True,
        labels=known.labels,
        annotations=known.annotations,
        starts_at=known.latest_start,
        ends_at=None,
        generator_url="",
    )


def _detail(upstream: UpstreamAlert) -> Mapping[str, Any]:
    by = {
        "silenced_by": list(upstream.silenced_by),
        "inhibited_by": list(upstream.inhibited_by),
        "muted_by": list(upstream.muted_by),
    }
    return {name: values for name, values in by.items() if values}
