"""The series of delivery."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram

OUTCOMES = ("sent", "failed", "abandoned")
CALLS = ("sent", "failed", "refused", "unknown")
LINKS = ("shown", "acknowledged", "used", "resolved", "superseded", "expired", "forged")


class DeliveryMetrics:
    """What went over the wire. ``failed`` is tried again, ``abandoned`` is not."""

    def __init__(self, registry: CollectorRegistry, channels: Iterable[str]) -> None:
        self.pages = Counter("wedsync_pages_total", "Attempts at the wire.", ["channel", "outcome"], registry=registry)
        self.messages = Counter(
            "wedsync_page_messages_total",
            "Calls of providers; a message may carry many pages.",
            ["channel", "outcome"],
            registry=registry,
        )
        self.lease_expiries = Counter(
            "wedsync_lease_expiries_total", "Senders that were lost with a message in hand.", registry=registry
        )
        self.delay = Histogram(
            "wedsync_page_delay_seconds",
            "From the moment a page was to go to the page sent.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0),
            registry=registry,
        )
        for channel in channels:
            for outcome in OUTCOMES:
                self.pages.labels(channel, outcome)
            for outcome in CALLS:
                self.messages.labels(channel, outcome)


class LinkMetrics:
    """What people, and link previews, and guessers did with acknowledge links."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.links = Counter(
            "wedsync_acknowledge_links_total", "Uses of acknowledge links.", ["outcome"], registry=registry
        )
        for outcome in LINKS:
            self.links.labels(outcome)
