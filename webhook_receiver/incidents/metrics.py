"""The series of incidents."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from wedsync_core.severity import Severity


class IncidentMetrics:
    """Counted as it happens; what is open is read from the rows at scrape (``webhook_receiver.collectors``)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.opened = Counter("wedsync_incidents_opened_total", "Incidents opened.", ["severity"], registry=registry)
        self.raised = Counter(
            "wedsync_incidents_raised_total",
            "Incidents that became graver while open, by what they became.",
            ["severity"],
            registry=registry,
        )
        for severity in Severity:
            self.opened.labels(severity.value)
            self.raised.labels(severity.value)
