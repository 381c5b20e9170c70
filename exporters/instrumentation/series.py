"""The series an instrumented service exposes: `docs/metrics.md`, "An instrumented service"."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from exporters.instrumentation.labels import (
    ATTEMPT_OUTCOMES,
    CALL_OUTCOMES,
    METHODS,
    MOST_DEPENDENCIES,
    OTHER,
    REPORT_OUTCOMES,
    WORKFLOWS,
    AttemptOutcome,
    ReportOutcome,
    Vocabulary,
    WorkflowName,
    closed,
    label_text,
    status_class,
)

Exemplar = Mapping[str, str]

DURATION_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper edges in seconds. An objective can be counted exactly only where there is an edge, so they stand at the
objectives in use: 0.2 and 0.5 for an API answer, 0.1, 0.3 and 1 for what a person waits for, 2.5 for a page, 5 and 10
for a payment through a third party, 30 and 60 for the upload of an original photo over a venue's connection. Those
below 0.1 show the healthy case; a quantile inside a bucket is a guess between its edges."""


class Series:
    """The series themselves, once a registry: several services of one process share them under their own label."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Histogram(
            "wedsync_http_request_duration_seconds",
            "Duration of a request until its last byte was handed over.",
            ["service", "route", "method", "status"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "wedsync_http_requests_in_flight", "Requests being answered.", ["service"], registry=registry
        )
        self.attempts = Counter(
            "wedsync_workflow_attempts_total",
            "Attempts at a wedding workflow by outcome; lost: acknowledged to the user and then gone.",
            ["service", "workflow", "region", "outcome"],
            registry=registry,
        )
        self.attempt_duration = Histogram(
            "wedsync_workflow_duration_seconds",
            "Duration of an attempt, whatever its outcome.",
            ["service", "workflow", "region"],
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.dependencies = Counter(
            "wedsync_dependency_requests_total",
            "Calls to third parties.",
            ["service", "dependency", "outcome"],
            registry=registry,
        )
        self.reports = Counter(
            "wedsync_error_reports_sent_total",
            "Error reports by what became of them.",
            ["service", "outcome"],
            registry=registry,
        )
        self.otlp_exports = Counter(
            "wedsync_otlp_exports_total",
            "Batches pushed over OTLP.",
            ["service", "signal", "outcome"],
            registry=registry,
        )


_declared: weakref.WeakKeyDictionary[CollectorRegistry, Series] = weakref.WeakKeyDictionary()
_declaring = threading.Lock()


def series_of(registry: CollectorRegistry) -> Series:
    """Return the registry's series, declared on first use: a registry refuses the same name twice."""
    with _declaring:
        found = _declared.get(registry)
        if found is None:
            found = _declared[registry] = Series(registry)
        return found


class ServiceSeries:
    """One service's view of the series. Every label value is closed here and nowhere else."""

    def __init__(self, series: Series, service: str, regions: Iterable[str], workflows: Iterable[WorkflowName]) -> None:
        self._series = series
        self._service = label_text(service)
        self._regions = frozenset(label_text(region) for region in regions)
        self._dependencies = Vocabulary(MOST_DEPENDENCIES)
        self._begin_at_zero(workflows)

    def _begin_at_zero(self, workflows: Iterable[WorkflowName]) -> None:
        """Expose each known label set from the start: rate() does not see the first event of a series born with it."""
        series, service = self._series, self._service
        series.in_flight.labels(service)
        for outcome in REPORT_OUTCOMES:
            series.reports.labels(service, outcome)
        for workflow in workflows:
            for region in (*sorted(self._regions), OTHER):
                for result in ATTEMPT_OUTCOMES:
                    series.attempts.labels(service, workflow, region, result)

    def expect_routes(self, routes: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Expose each route and method at zero for the answers that alerts compare: `2xx` and `5xx`."""
        for route, methods in routes:
            for method in set(methods) & METHODS - {"HEAD", "OPTIONS"}:
                for status in ("2xx", "5xx"):
                    self._series.requests.labels(self._service, label_text(route), method, status)

    def region(self, region: object) -> str:
        """Return the label value for a region as a client named it."""
        return closed(region, self._regions)

    def request_started(self) -> None:
        """Count a request in."""
        self._series.in_flight.labels(self._service).inc()

    def request_finished(self, route: str, method: str, status: int, seconds: float, exemplar: Exemplar | None) -> None:
        """Count a request out; `route` is the application's own rule, never a path."""
        self._series.in_flight.labels(self._service).dec()
        labels = (self._service, label_text(route), closed(method, METHODS), status_class(status))
        self._series.requests.labels(*labels).observe(seconds, dict(exemplar) if exemplar else None)

    def attempted(
        self, workflow: WorkflowName, region: str, outcome: AttemptOutcome, seconds: float, exemplar: Exemplar | None
    ) -> None:
        """Count one attempt at a workflow; `region` has been through `region()`."""
        self._series.attempts.labels(self._service, workflow, region, outcome).inc()
        duration = self._series.attempt_duration.labels(self._service, workflow, region)
        duration.observe(seconds, dict(exemplar) if exemplar else None)

    def lost(self, workflow: WorkflowName, region: str, count: int) -> None:
        """Count what was acknowledged and is gone."""
        self._series.attempts.labels(self._service, workflow, region, "lost").inc(count)

    def dependency(self, name: str) -> str:
        """Return the label value of a third party, its outcomes exposed from now on."""
        known = self._dependencies.place(name)
        for outcome in CALL_OUTCOMES:
            self._series.dependencies.labels(self._service, known, outcome)
        return known

    def called(self, dependency: str, outcome: AttemptOutcome) -> None:
        """Count one call to a third party."""
        self._series.dependencies.labels(self._service, dependency, outcome).inc()

    def reported(self, outcome: ReportOutcome, count: int = 1) -> None:
        """Count error reports by what became of them."""
        self._series.reports.labels(self._service, outcome).inc(count)

    def pushed(self, signal: str, *, sent: bool) -> None:
        """Count one OTLP batch. The SDK's own flush answers "true" even when nothing arrived."""
        self._series.otlp_exports.labels(self._service, signal, "sent" if sent else "failed").inc()


__all__ = ["DURATION_BUCKETS", "WORKFLOWS", "Exemplar", "Series", "ServiceSeries", "series_of"]
