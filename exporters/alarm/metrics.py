"""The series of the direct alarm."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from exporters.alarm.decision import Outcome


class AlarmMetrics:
    """Counted as it happens; what stands is read from the rows at scrape, by `exporters.collectors`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.posted = Counter(
            "wedsync_alarms_posted_total", "Direct posts to Alertmanager.", ["outcome"], registry=registry
        )
        for outcome in Outcome:
            self.posted.labels(outcome.value)
