"""The series of intake and of reconciliation."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from webhook_receiver.alerts.comparison import Correction

OUTCOMES = ("accepted", "quarantined", "postponed", "oversize", "unavailable")
SOURCES = ("alertmanager", "prometheus")


class AlertMetrics:
    """What came from Alertmanager and what became of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "wedsync_webhook_requests_total", "Posts from Alertmanager.", ["outcome"], registry=registry
        )
        self.received = Counter(
            "wedsync_alerts_received_total", "Alerts inside those posts.", ["status"], registry=registry
        )
        self.truncated = Counter(
            "wedsync_alerts_truncated_total", "Alerts that Alertmanager left out of its posts.", registry=registry
        )
        self.failures = Counter(
            "wedsync_alert_processing_failures_total",
            "Alerts and messages whose processing failed by a fault of the receiver.",
            ["of"],
            registry=registry,
        )
        self.seconds = Histogram(
            "wedsync_webhook_seconds",
            "Time to answer one post.",
            # Edges at the budgets: 50 ms at p99, 2 s for trouble, 5 s for ten thousand alerts.
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0),
            registry=registry,
        )
        self.waiting = Gauge(
            "wedsync_alerts_waiting", "Alerts kept and answered in a storm, and not processed yet.", registry=registry
        )
        for outcome in OUTCOMES:
            self.requests.labels(outcome)
        for status in ("firing", "resolved"):
            self.received.labels(status)
        for of in ("alert", "message"):
            self.failures.labels(of)


class ReconcileMetrics:
    """How our picture compares with that of the sources."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.success = Gauge(
            "wedsync_reconcile_last_success_timestamp_seconds",
            "Last pass in which a source answered; 0 if none has.",
            ["source"],
            registry=registry,
        )
        self.failures = Counter(
            "wedsync_reconcile_failures_total", "Questions that a source did not answer.", ["source"], registry=registry
        )
        self.corrections = Counter(
            "wedsync_reconcile_corrections_total", "Alerts a pass has put right.", ["kind"], registry=registry
        )
        self.errors = Counter(
            "wedsync_reconcile_errors_total", "Passes that failed by a fault of the receiver.", registry=registry
        )
        for source in SOURCES:
            self.success.labels(source)
            self.failures.labels(source)
        for correction in Correction:
            if correction is not Correction.KEEP:
                self.corrections.labels(correction.value)
