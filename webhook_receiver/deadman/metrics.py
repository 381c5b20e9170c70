"""The series of the watchers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge

from webhook_receiver.deadman.findings import Kind

LAST_RESORT_OUTCOMES = ("sent", "failed", "dropped")
HEARTBEAT_OUTCOMES = ("sent", "failed", "withheld")


class LastResortMetrics:
    """Pages that went out without the database. ``dropped``: a message found no room, and comes again."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.pages = Counter(
            "wedsync_last_resort_pages_total", "Pages sent without the database.", ["outcome"], registry=registry
        )
        for outcome in LAST_RESORT_OUTCOMES:
            self.pages.labels(outcome)


class HeartbeatMetrics:
    """Beats to the outside observer. ``withheld``: something was wrong, and he should call."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.beats = Counter(
            "wedsync_heartbeats_total", "Heartbeats to the outside observer.", ["outcome"], registry=registry
        )
        for outcome in HEARTBEAT_OUTCOMES:
            self.beats.labels(outcome)


class AuditMetrics:
    """What the auditor found at its last look, and when that was."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._findings = Gauge(
            "wedsync_audit_findings", "Things found overdue, by kind, at the last look.", ["kind"], registry=registry
        )
        self._last_run = Gauge(
            "wedsync_audit_last_run_timestamp_seconds", "The auditor's last look.", registry=registry
        )
        for kind in Kind:
            self._findings.labels(kind.value)

    def looked(self, found: Mapping[Kind, int], now: datetime) -> None:
        """Show the outcome of a look."""
        for kind in Kind:
            self._findings.labels(kind.value).set(found.get(kind, 0))
        self._last_run.set(now.timestamp())
