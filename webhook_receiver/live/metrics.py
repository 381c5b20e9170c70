"""Series of the live view."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

ENDINGS = ("client", "slow", "silent", "expired", "protocol", "too_many_messages", "stopped")
"""Why a connection ended: the listener left, read too slowly, did not answer pings, was there too long, broke the
protocol, said too much, or we stop."""


class LiveMetrics:
    """What the live view counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.listeners = Gauge("wedsync_live_listeners", "Open WebSocket connections.", registry=registry)
        self.messages = Counter(
            "wedsync_live_messages_total", "Messages handed to listeners.", ["type"], registry=registry
        )
        for kind in ("alert", "incident", "metric_update"):
            self.messages.labels(kind)
        self.ended = Counter(
            "wedsync_live_connections_ended_total", "Connections that ended, by reason.", ["reason"], registry=registry
        )
        for reason in ENDINGS:
            self.ended.labels(reason)
        self.refused = Counter(
            "wedsync_live_connections_refused_total", "Connections refused, by reason.", ["reason"], registry=registry
        )
        for reason in ("ticket", "origin", "role", "full", "protocol"):
            self.refused.labels(reason)
        self.failures = Counter(
            "wedsync_live_failures_total", "Turns of the feed that failed, by source.", ["source"], registry=registry
        )
        for source in ("database", "prometheus"):
            self.failures.labels(source)
