"""The series of correlation."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from webhook_receiver.correlation.decision import RULES

REASONS = ("first_alert", "missed", "third_party_behind", "ruled_together", "returned", "same_third_party")


class CorrelationMetrics:
    """Why alerts are where they are."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.placed = Counter(
            "wedsync_alerts_placed_total", "Alerts put into an incident, by reason.", ["reason"], registry=registry
        )
        for reason in (*REASONS, *(reason for reason, _ in RULES)):
            self.placed.labels(reason)
