"""The series of intake."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

OUTCOMES = ("accepted", "quarantined", "unavailable", "refused")


class AlertMetrics:
    """What came from Alertmanager and what became of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "wedsync_webhook_requests_total", "Posts from Alertmanager.", ["outcome"], registry=registry
        )
        self.received = Counter(
            "wedsync_alerts_received_total", "Alerts inside those posts.", ["status"], registry=registry
        )
        self.seconds = Histogram(
            "wedsync_webhook_seconds",
            "Time to answer one post.",
            # Edges at the budgets: 50 ms at p99, 2 s for trouble, 5 s for ten thousand alerts.
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0),
            registry=registry,
        )
        for outcome in OUTCOMES:
            self.requests.labels(outcome)
        for status in ("firing", "resolved"):
            self.received.labels(status)
