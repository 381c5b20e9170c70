"""The series of error intake."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from exporters.errors.contract import Level
from wedsync_core.severity import Severity

REFUSALS = ("malformed", "too_large", "invalid")


class ErrorMetrics:
    """What came in and what became of it. `services` are the names that may stand in the `service` label."""

    def __init__(self, registry: CollectorRegistry, services: Iterable[str]) -> None:
        self.errors = Counter(
            "wedsync_errors_total", "Error reports stored.", ["level", "service", "severity"], registry=registry
        )
        self.refused = Counter(
            "wedsync_error_reports_refused_total", "Error reports refused.", ["reason"], registry=registry
        )
        self.seconds = Histogram(
            "wedsync_error_intake_seconds",
            "Time to take in one request of reports.",
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
            registry=registry,
        )
        for reason in REFUSALS:
            self.refused.labels(reason)
        # A series that appears with its first error has no increase to be seen: they are all there from the start.
        for service in services:
            for level in get_args(Level):
                for severity in Severity:
                    self.errors.labels(level, service, severity.value)
