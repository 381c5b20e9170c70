"""Find the alerts that lived and died while nobody was listening, and tell people late rather than never."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from webhook_receiver.alerts import episode_store, store
from webhook_receiver.alerts.comparison import Correction
from webhook_receiver.alerts.contract import NotUnderstood, Sighting, read_alert
from webhook_receiver.alerts.metrics import ReconcileMetrics
from webhook_receiver.alerts.missed import SLACK, Missed, missed_alerts
from webhook_receiver.correlation.service import Correlation
from webhook_receiver.incidents import store as incident_store
from webhook_receiver.incidents.classification import signal_of_alert
from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.incidents.service import Report
from webhook_receiver.sources.contract import Evaluated, Fired, Silence, Sources, SourceUnavailable
from wedsync_core.clock import Clock, format_timestamp, parse_timestamp
from wedsync_core.redaction import redact
from wedsync_core.settings.engine import ReconcileSettings
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

PER_TRANSACTION = 50
ACTOR = "reconciler"
LOOKED_UNTIL = "looked_until"


class LookBack:
    """Looks at Prometheus' history after a time in which we did not look at the present."""

    def __init__(
        self,
        *,
        database: Database,
        correlation: Correlation,
        sources: Sources,
        settings: ReconcileSettings,
        clock: Clock,
        metrics: ReconcileMetrics,
    ) -> None:
        self._database = database
        self._correlation = correlation
        self._sources = sources
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("reconciler")

    def look(self, state: Mapping[str, Any], evaluated: Sequence[Evaluated], asked_at: datetime) -> int:
        """Record what was missed since the last look and open its incidents; returns how many.

        A database that has never looked begins now: what fired before it was made is nobody's loss.
        Raises SourceUnavailable.
        """
        looked_until = parse_timestamp(state[LOOKED_UNTIL]) if LOOKED_UNTIL in state else asked_at
        if asked_at - looked_until <= 2 * self._settings.every:
            self._remember(asked_at)
            return 0
        start = max(looked_until, asked_at - self._settings.look_back) - self._settings.grace
        fired = [_cleaned(one) for one in self._sources.prometheus.fired(start, asked_at)]
        present = [Evaluated(_clean(one.labels), one.firing) for one in evaluated if one.firing]
        silences = self._silences()
        self._log.warning("looking_back", start=format_timestamp(start), lives=len(fired))
        recorded = 0
        while True:
            with self._database.write() as transaction:
                self._correlation.hold(transaction)
                before = store.reconcile_state(transaction, lock=True).get(LOOKED_UNTIL)
                if before != state.get(LOOKED_UNTIL):
                    return recorded  # another replica has looked
                known = episode_store.lived_since(transaction, start - SLACK)
                missed = missed_alerts(fired, present, known, silences)[:PER_TRANSACTION]
                for one in missed:
                    self._record(transaction, one)
                if not missed:
                    store.change_reconcile_state(transaction, {LOOKED_UNTIL: format_timestamp(asked_at)}, asked_at)
            if not missed:
                return recorded
            self._metrics.corrections.labels(Correction.MISSED.value).inc(len(missed))
            recorded += len(missed)

    def _remember(self, asked_at: datetime) -> None:
        with self._database.write() as transaction:
            store.change_reconcile_state(transaction, {LOOKED_UNTIL: format_timestamp(asked_at)}, asked_at)

    def _silences(self) -> Sequence[Silence]:
        try:
            return self._sources.alertmanagers.silences()
        except SourceUnavailable:
            return ()  # then nothing was silenced: a page too many rather than one too few

    def _record(self, transaction: Transaction, missed: Missed) -> None:
        now = self._clock.now()
        sighting = _sighting(missed, now)
        episode_id = episode_store.record_closed(transaction, sighting, "", now, "missed")
        placed = self._correlation.place(transaction, sighting.fingerprint, _report(missed, sighting), now)
        episode_store.join_incident(transaction, episode_id, placed.incident_id, placed.reason)
        detail = {
            "alertname": sighting.name,
            "fingerprint": sighting.fingerprint,
            "fired_from": format_timestamp(missed.first_at),
            "fired_until": format_timestamp(missed.last_at),
            "times": missed.times,
        }
        kind = EventKind.ALERT_MISSED
        incident_store.add_event(transaction, placed.incident_id, kind, actor=ACTOR, now=now, detail=detail)


def _sighting(missed: Missed, now: datetime) -> Sighting:
    alert = {
        "status": "resolved",
        "labels": dict(missed.labels),
        "annotations": {},
        "startsAt": format_timestamp(missed.first_at),
        "endsAt": format_timestamp(missed.last_at),
    }
    return read_alert(alert, now)


def _report(missed: Missed, sighting: Sighting) -> Report:
    span = f"{missed.first_at:%H:%M:%S} to {missed.last_at:%H:%M:%S} UTC"
    times = f"{missed.times} times " if missed.times > 1 else ""
    return Report(
        title=f"MISSED, OVER NOW: {sighting.name} fired {span}",
        description=(
            f"{sighting.name} fired {times}between {format_timestamp(missed.first_at)} and "
            f"{format_timestamp(missed.last_at)} while nobody was listening here; it has cleared since. "
            "It is known from Prometheus' history alone. Acknowledging it ends it."
        ),
        signal=signal_of_alert(sighting.labels),
        actor=ACTOR,
        auto_created=True,
        labels=sighting.labels,
        missed=True,
        judged_at=missed.first_at,
    )


def _cleaned(fired: Fired) -> Fired:
    return Fired(_clean(fired.labels), fired.first_at, fired.last_at)


def _clean(labels: Mapping[str, str]) -> dict[str, str]:
    """Return labels as intake would have kept them, so that the two can be compared."""
    try:
        read = read_alert({"status": "firing", "labels": dict(labels)}, _ANY_TIME).labels
    except NotUnderstood:
        read = {"alertname": "unnamed alert"}
    return cast("dict[str, str]", redact(dict(read)))


_ANY_TIME = parse_timestamp("2000-01-01T00:00:00Z")
