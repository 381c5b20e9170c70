"""Series of the engine itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class EngineMetrics:
    """What the engine counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.jumps = Counter(
            "wedsync_clock_jumps_total",
            "Jumps of the reference clock, after which due moments were moved.",
            ["direction"],
            registry=registry,
        )
        for direction in ("forward", "backward"):
            self.jumps.labels(direction)
        self.difference = Gauge(
            "wedsync_clock_difference_seconds",
            "The reference clock minus the engine's, when last compared.",
            registry=registry,
        )
        self.superseded = Gauge(
            "wedsync_engine_superseded",
            "1: a newer version works on this database and this replica stands down.",
            registry=registry,
        )
        self.held = Gauge("wedsync_duty_leases_held", "Duties that this replica does for all.", registry=registry)
        self.lost = Counter(
            "wedsync_duty_leases_lost_total", "Duties lost to another replica: this one stood still.", registry=registry
        )
        self.orphans = Counter(
            "wedsync_pages_orphaned_total",
            "Pages taken over because the process that was sending them had died.",
            registry=registry,
        )
