"""Pushing over OTLP (HTTP, protobuf): traces, and measurements under the names of the semantic conventions.

The pushed measurements have other names than the scraped series on purpose. A service that is scraped and also pushes
to the same Prometheus would otherwise be counted twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from exporters.instrumentation.labels import METHODS, UNMATCHED, AttemptOutcome, WorkflowName
from exporters.instrumentation.report import Origin
from exporters.instrumentation.series import DURATION_BUCKETS
from exporters.instrumentation.tracing import Span, resource_of

Pushed = Callable[[str, bool], None]
"""Told of each batch: the signal, `traces` or `metrics`, and whether it arrived."""

EXPORT_INTERVAL_MILLISECONDS: Final = 10_000
"""The SDK's own minute is too slow to page on; `OTEL_METRIC_EXPORT_INTERVAL` overrides it."""

# Prometheus answers 200 to delta temporality and drops it: the preference variable of the SDK must not reach us.
_CUMULATIVE: Final[dict[type, AggregationTemporality]] = dict.fromkeys(
    (Counter, Histogram, UpDownCounter, ObservableCounter, ObservableGauge, ObservableUpDownCounter),
    AggregationTemporality.CUMULATIVE,
)


class _CountedSpanExporter(OTLPSpanExporter):
    def __init__(self, endpoint: str, pushed: Pushed) -> None:
        super().__init__(endpoint=endpoint)
        self._pushed = pushed

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self._pushed("traces", result is SpanExportResult.SUCCESS)
        return result


class _CountedMetricExporter(OTLPMetricExporter):
    def __init__(self, endpoint: str, pushed: Pushed) -> None:
        super().__init__(endpoint=endpoint, preferred_temporality=_CUMULATIVE)
        self._pushed = pushed

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = None, **kwargs: Any
    ) -> MetricExportResult:
        result = super().export(metrics_data, timeout_millis, **kwargs)
        self._pushed("metrics", result is MetricExportResult.SUCCESS)
        return result


def push_traces(provider: TracerProvider, endpoint: str, pushed: Pushed) -> None:
    """Send the provider's spans to the endpoint, in batches, from a thread of the SDK."""
    provider.add_span_processor(BatchSpanProcessor(_CountedSpanExporter(endpoint, pushed)))


class PushedMeasurements:
    """The same measurements as the scraped series, for a receiver of OTLP."""

    def __init__(self, origin: Origin, endpoint: str, pushed: Pushed) -> None:
        interval = None if "OTEL_METRIC_EXPORT_INTERVAL" in os.environ else EXPORT_INTERVAL_MILLISECONDS
        reader = PeriodicExportingMetricReader(_CountedMetricExporter(endpoint, pushed), interval)
        # The SDK's default edges are for milliseconds: 0.2 s would read as a median of 2.5 s.
        seconds = View(
            instrument_type=Histogram, aggregation=ExplicitBucketHistogramAggregation(boundaries=DURATION_BUCKETS)
        )
        self._provider = MeterProvider([reader], resource_of(origin), shutdown_on_exit=False, views=[seconds])
        meter = self._provider.get_meter("exporters.instrumentation")
        self._requests = meter.create_histogram("http.server.request.duration", "s", "Duration of requests.")
        self._attempts = meter.create_histogram(
            "wedsync.workflow.attempt.duration", "s", "Duration of attempts at a wedding workflow."
        )
        self._losses = meter.create_counter("wedsync.workflow.losses", "{loss}", "Acknowledged and then gone.")
        self._calls = meter.create_histogram(
            "wedsync.dependency.request.duration", "s", "Duration of calls to third parties."
        )

    def request_finished(self, route: str, method: str, status: int, seconds: float, scheme: str, span: Span) -> None:
        """Record one answered request."""
        attributes: dict[str, str | int] = {
            "http.request.method": method if method in METHODS else "_OTHER",
            "http.response.status_code": status,
            "url.scheme": scheme,
        }
        if route != UNMATCHED:
            attributes["http.route"] = route
        if status >= 500:
            attributes["error.type"] = str(status)
        self._requests.record(seconds, attributes, context=span.context)

    def attempted(
        self, workflow: WorkflowName, region: str, outcome: AttemptOutcome, seconds: float, span: Span
    ) -> None:
        """Record one attempt at a workflow."""
        attributes = {"wedsync.workflow": workflow, "wedsync.region": region, "wedsync.outcome": outcome}
        self._attempts.record(seconds, attributes, context=span.context)

    def lost(self, workflow: WorkflowName, region: str, count: int) -> None:
        """Record what was acknowledged and is gone."""
        self._losses.add(count, {"wedsync.workflow": workflow, "wedsync.region": region})

    def called(self, dependency: str, outcome: AttemptOutcome, seconds: float, span: Span) -> None:
        """Record one call to a third party."""
        attributes = {"wedsync.dependency": dependency, "wedsync.outcome": outcome}
        self._calls.record(seconds, attributes, context=span.context)

    def flush(self, timeout: float) -> None:
        """Push what there is."""
        self._provider.force_flush(int(timeout * 1000))

    def close(self, timeout: float) -> None:
        """Push what there is and stop."""
        self._provider.shutdown(timeout * 1000)
