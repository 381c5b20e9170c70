"""The series of the schedules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from webhook_receiver.oncall.findings import FindingKind

WITHIN = ("7d", "30d")
"""How far ahead uncovered windows are counted."""


class OnCallMetrics:
    """Set at each review; every process reviews for itself, so that none shows what another once found."""

    def __init__(self, registry: CollectorRegistry, roles: Iterable[str]) -> None:
        self.findings = Gauge("wedsync_oncall_findings", "Weak spots by kind.", ["kind"], registry=registry)
        self.uncovered = Gauge(
            "wedsync_oncall_uncovered_windows",
            "Wedding windows to come with a moment at which fewer than two people can be reached.",
            ["within"],
            registry=registry,
        )
        self.empty = Gauge(
            "wedsync_oncall_role_empty_seconds",
            "How much of the next 24 hours a role that a policy tells has nobody.",
            ["role"],
            registry=registry,
        )
        self.reviewed = Gauge(
            "wedsync_oncall_last_review_timestamp_seconds", "When these were last worked out.", registry=registry
        )
        self.failures = Counter(
            "wedsync_oncall_override_read_failures_total",
            "Times that the overrides could not be read: those last read, or the bare schedule, answered.",
            registry=registry,
        )
        for kind in FindingKind:
            self.findings.labels(kind.value)
        for within in WITHIN:
            self.uncovered.labels(within)
        for role in roles:
            self.empty.labels(role)

    def reviewed_at(
        self,
        timestamp: float,
        kinds: Mapping[FindingKind, int],
        uncovered: Mapping[str, int],
        empty_seconds: Mapping[str, float],
    ) -> None:
        """Show a review."""
        for kind, number in kinds.items():
            self.findings.labels(kind.value).set(number)
        for within, number in uncovered.items():
            self.uncovered.labels(within).set(number)
        for role, seconds in empty_seconds.items():
            self.empty.labels(role).set(seconds)
        self.reviewed.set(timestamp)
