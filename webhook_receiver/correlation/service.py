"""Put an alert that has begun to fire into the incident it belongs to, or open one for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from webhook_receiver.correlation import store
from webhook_receiver.correlation.crowd import Crowd
from webhook_receiver.correlation.decision import Limits, Place, Topology, facts_of, place
from webhook_receiver.correlation.gathering import Gathering
from webhook_receiver.correlation.metrics import CorrelationMetrics
from webhook_receiver.escalation.telling import Telling
from webhook_receiver.incidents.incident import Status
from webhook_receiver.incidents.service import Incidents, Report
from wedsync_core.settings import Settings
from wedsync_core.storage import Transaction


@dataclass(frozen=True)
class Placed:
    """The incident an alert is part of. ``reason`` is a named one, stored with the episode and shown."""

    incident_id: int
    joined: bool
    reason: str


class Correlation(Gathering):
    """Places alerts, and merges and splits incidents."""

    def __init__(
        self,
        *,
        incidents: Incidents,
        telling: Telling,
        topology: Topology,
        limits: Limits,
        metrics: CorrelationMetrics,
    ) -> None:
        super().__init__(incidents=incidents, telling=telling, topology=topology, limits=limits)
        self._metrics = metrics

    def hold(self, transaction: Transaction) -> None:
        """Let no other replica place alerts until the transaction ends.

        Called before a transaction that will place alerts locks anything else: two that had rows of each other and
        then both wanted this would wait for ever.
        """
        store.hold_places(transaction)

    def crowd(self, transaction: Transaction, now: datetime) -> Crowd:
        """Return what places many alerts in a transaction that already holds the right to."""
        return Crowd(
            transaction,
            now,
            incidents=self._incidents,
            topology=self._topology,
            limits=self._limits,
            metrics=self._metrics,
        )

    def place(self, transaction: Transaction, fingerprint: str, report: Report, now: datetime) -> Placed:
        """Return the incident for an alert that fires: an open one it belongs to, or a new one."""
        self.hold(transaction)
        alert = facts_of(fingerprint, report.labels, report.signal, self._topology)
        where = Place(None, "missed", "it was over before it could be told")
        if not report.missed:
            where = self._decide(transaction, report, alert.fingerprint, now)
        placed = self._put(transaction, fingerprint, report, where, now)
        store.explain_episode(transaction, fingerprint, placed.reason, where.sentence)
        self._metrics.placed.labels(placed.reason).inc()
        return placed

    def _decide(self, transaction: Transaction, report: Report, fingerprint: str, now: datetime) -> Place:
        alert = facts_of(fingerprint, report.labels, report.signal, self._topology)
        rulings = store.rulings_of(transaction, fingerprint)
        since = now - self._limits.window
        known = store.open_incidents(transaction, fingerprint, self._topology.related(alert), rulings, since)
        if known:
            asleep = self._incidents.would_sleep(transaction, report, now)
            alert = facts_of(fingerprint, report.labels, report.signal, self._topology, suppressed=asleep)
        return place(alert, known, self._topology, self._limits, now)

    def _put(self, transaction: Transaction, fingerprint: str, report: Report, where: Place, now: datetime) -> Placed:
        alert = facts_of(fingerprint, report.labels, report.signal, self._topology)
        if where.incident_id is not None:
            row = self._incidents.held(transaction, where.incident_id)
            if row.status != Status.RESOLVED.value:
                self.join(transaction, row, report, alert, where, now)
                return Placed(where.incident_id, joined=True, reason=where.reason)
            # Resolved by a person between our look and our hold.
            where = Place(None, "first_alert", "the incident it belonged to has just been resolved")
        incident_id = self.begin(transaction, report, alert, where, now)
        if where.folds:
            self.fold(transaction, incident_id, where, now)
        return Placed(incident_id, joined=False, reason=where.reason)


def topology_of(settings: Settings) -> Topology:
    """Return what the settings say of services and what they call."""
    return Topology(
        frozenset(settings.services) | frozenset(settings.workflows.values()),
        {service: frozenset(called) for service, called in settings.depends_on.items()},
    )


def limits_of(settings: Settings) -> Limits:
    """Return how far correlation may go."""
    return Limits(settings.incidents.correlation_window, settings.incidents.most_alerts)
