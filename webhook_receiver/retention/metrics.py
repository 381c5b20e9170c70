"""Series of what is let go."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from webhook_receiver.retention.store import TABLES


class RetentionMetrics:
    """What the retention counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.pruned = Counter(
            "wedsync_incident_rows_pruned_total", "Old rows let go, by table.", ["table"], registry=registry
        )
        for table in TABLES:
            self.pruned.labels(table)
