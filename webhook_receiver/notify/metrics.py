"""The series of delivery."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram

OUTCOMES = ("sent", "failed", "abandoned")


class DeliveryMetrics:
    """What went over the wire. ``failed`` is tried again, ``abandoned`` is not."""

    def __init__(self, registry: CollectorRegistry, channels: Iterable[str]) -> None:
        self.pages = Counter("wedsync_pages_total", "Attempts at the wire.", ["channel", "outcome"], registry=registry)
        self.delay = Histogram(
            "wedsync_page_delay_seconds",
            "From the escalation step that decided on a page to the page sent.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0),
            registry=registry,
        )
        for channel in channels:
            for outcome in OUTCOMES:
                self.pages.labels(channel, outcome)
