"""The series of escalation."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter


class EscalationMetrics:
    """Counted as it happens; how late a step is, is read from the rows at scrape."""

    def __init__(self, registry: CollectorRegistry, policies: Iterable[str]) -> None:
        self.steps = Counter("wedsync_escalation_steps_total", "Escalation steps taken.", ["policy"], registry=registry)
        for policy in policies:
            self.steps.labels(policy)
