"""What is pushed over OTLP, decoded as a receiver would."""

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from exporters.instrumentation import DURATION_BUCKETS, ErrorReporting
from tests.fakes import HttpSink, Received
from wedsync_core.clock import SystemClock

Build = Callable[..., Any]
PUSHED = "wedsync_otlp_exports_total"


def attributes(pairs: Any) -> dict[str, Any]:
    def value(pair: KeyValue) -> Any:
        return getattr(pair.value, str(pair.value.WhichOneof("value")))

    return {pair.key: value(pair) for pair in pairs}


def metrics(received: list[Received]) -> dict[str, Metric]:
    """Return the metrics of the last export, by name."""
    message = ExportMetricsServiceRequest.FromString(
        [request.body for request in received if request.path == "/v1/metrics"][-1]
    )
    return {m.name: m for resource in message.resource_metrics for s in resource.scope_metrics for m in s.metrics}


@pytest.fixture
def pushed(payments: Build, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[Received]]:
    """Return a service that took a payment, failed one and lost two, and what it pushed until it stopped."""
    # The SDK reads its preferences from the environment: none of them may break what we send.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram")
    with HttpSink() as collector:
        reporting = ErrorReporting("http://127.0.0.1:9", release="7", environment="demo")
        service = payments(otlp_endpoint=collector.url, error_reports=reporting)
        service.ask("/payments", "POST", json={"region": "london"})
        service.ask("/payments", "POST", json={"region": "london", "how": "lose"})
        service.ask("/payments", "POST", json={"region": "sydney", "how": "fail"})
        with service.instrumentation.dependency("payment_provider"):
            pass
        service.ask("/payments/1?card=4242")
        service.instrumentation.shutdown(5.0)
        return service, collector.received


def test_durations_have_edges_in_seconds_and_are_cumulative(pushed: tuple[Any, list[Received]]) -> None:
    found = metrics(pushed[1])
    for name in (
        "http.server.request.duration",
        "wedsync.workflow.attempt.duration",
        "wedsync.dependency.request.duration",
    ):
        metric = found[name]
        assert metric.unit == "s"
        assert metric.WhichOneof("data") == "histogram"
        assert metric.histogram.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        for point in metric.histogram.data_points:
            assert tuple(point.explicit_bounds) == DURATION_BUCKETS
            assert 0 < point.sum < 5


def test_attempts_carry_their_workflow_region_and_outcome(pushed: tuple[Any, list[Received]]) -> None:
    points = metrics(pushed[1])["wedsync.workflow.attempt.duration"].histogram.data_points
    counted = {
        (a["wedsync.workflow"], a["wedsync.region"], a["wedsync.outcome"]): point.count
        for point in points
        for a in [attributes(point.attributes)]
    }
    assert counted == {("payment", "london", "success"): 2, ("payment", "sydney", "failure"): 1}


def test_losses_are_a_cumulative_counter(pushed: tuple[Any, list[Received]]) -> None:
    losses = metrics(pushed[1])["wedsync.workflow.losses"].sum
    assert losses.is_monotonic
    assert losses.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    assert [point.as_int for point in losses.data_points] == [2]


def test_requests_follow_the_stable_semantic_conventions(pushed: tuple[Any, list[Received]]) -> None:
    points = metrics(pushed[1])["http.server.request.duration"].histogram.data_points
    found = [attributes(point.attributes) for point in points]
    assert {
        "http.request.method": "GET",
        "http.route": "/payments/<int:number>",
        "http.response.status_code": 200,
        "url.scheme": "http",
    } in found
    failed = [one for one in found if one["http.response.status_code"] == 502]
    assert failed[0]["error.type"] == "502"


def test_pushed_and_scraped_names_never_meet_in_one_prometheus(pushed: tuple[Any, list[Received]]) -> None:
    service, received = pushed
    scraped = {sample.name for family in service.instrumentation.registry.collect() for sample in family.samples}
    for name, metric in metrics(received).items():
        translated = name.replace(".", "_") + ("_seconds" if metric.unit == "s" else "")
        suffixes = ("_bucket", "_count", "_sum") if metric.unit == "s" else ("_total",)
        assert not {translated + suffix for suffix in suffixes} & scraped


def test_spans_tell_who_what_and_where_but_not_the_query(pushed: tuple[Any, list[Received]]) -> None:
    bodies = [request.body for request in pushed[1] if request.path == "/v1/traces"]
    messages = [ExportTraceServiceRequest.FromString(body) for body in bodies]
    resources = [resource for message in messages for resource in message.resource_spans]
    who = attributes(resources[0].resource.attributes)
    assert (who["service.name"], who["service.namespace"]) == ("payment", "wedsync")
    assert (who["service.version"], who["deployment.environment.name"]) == ("7", "demo")
    spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    names = [span.name for span in spans]
    assert names.count("POST /payments") == 3
    assert names.count("payment") == 3
    requests = {span.span_id: span for span in spans if span.name == "POST /payments"}
    for attempt in (span for span in spans if span.name == "payment"):
        assert requests[attempt.parent_span_id].trace_id == attempt.trace_id
    assert b"4242" not in b"".join(bodies)


def test_what_was_pushed_and_scraped_share_a_trace(pushed: tuple[Any, list[Received]]) -> None:
    service, received = pushed
    bodies = [request.body for request in received if request.path == "/v1/traces"]
    traces = {
        span.trace_id.hex()
        for body in bodies
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    exemplars = [s.exemplar for s in service.scrape("wedsync_workflow_duration_seconds_bucket") if s.exemplar]
    assert exemplars
    assert {exemplar.labels["trace_id"] for exemplar in exemplars} <= traces


def test_batches_that_arrive_are_counted(pushed: tuple[Any, list[Received]]) -> None:
    service, _ = pushed
    assert service.value(PUSHED, signal="traces", outcome="sent") >= 1
    assert service.value(PUSHED, signal="metrics", outcome="sent") >= 1
    assert service.value(PUSHED, signal="metrics", outcome="failed") in (None, 0)


def test_batches_that_are_refused_are_counted_and_the_service_goes_on(payments: Build) -> None:
    with HttpSink(404) as collector:
        service = payments(otlp_endpoint=f"{collector.url}/wrong")
        assert service.ask("/payments/1")[0] == 200
        service.instrumentation.shutdown(5.0)
    assert service.value(PUSHED, signal="traces", outcome="failed") == 1
    assert service.value(PUSHED, signal="metrics", outcome="failed") == 1
    assert {request.path for request in collector.received} == {"/wrong/v1/traces", "/wrong/v1/metrics"}


def test_a_collector_that_is_away_does_not_hold_up_the_end(payments: Build) -> None:
    away = HttpSink()
    with away:
        pass
    service = payments(otlp_endpoint=away.url, error_reports=ErrorReporting(away.url))
    assert service.ask("/payments", "POST", json={"how": "raise"})[0] == 500
    clock = SystemClock()
    started = clock.monotonic()
    service.instrumentation.shutdown(0.2)
    assert clock.monotonic() - started < 5
    assert service.value("wedsync_error_reports_sent_total", outcome="dropped") == 1


def test_without_an_endpoint_nothing_of_otlp_is_counted_or_started(payments: Build) -> None:
    import threading

    before = threading.active_count()
    service = payments()
    service.ask("/payments/1")
    assert threading.active_count() == before
    assert "wedsync_otlp_exports_total{" not in service.ask("/metrics")[1]
