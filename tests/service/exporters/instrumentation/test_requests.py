"""Rate, errors and duration of every route, with a trace to look at."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from exporters.instrumentation import DURATION_BUCKETS, Scraping, instrument

COUNT = "wedsync_http_request_duration_seconds_count"
BUCKET = "wedsync_http_request_duration_seconds_bucket"
IN_FLIGHT = "wedsync_http_requests_in_flight"
Build = Callable[..., Any]


def test_a_request_is_counted_under_its_rule_and_never_under_its_path(payments: Build) -> None:
    service = payments()
    for number in (1, 22, 333):
        assert service.ask(f"/payments/{number}?card=4242")[0] == 200
    assert service.value(COUNT, route="/payments/<int:number>", method="GET", status="2xx") == 3
    assert "4242" not in service.ask("/metrics")[1]
    assert "/333" not in service.ask("/metrics")[1]


def test_what_matches_no_rule_is_unmatched(payments: Build) -> None:
    service = payments()
    service.ask("/wp-admin.php")
    service.ask("/payments/1", method="DELETE")
    service.ask("/payments/1", method="BREW")
    assert service.value(COUNT, route="unmatched", method="GET", status="4xx") == 1
    assert service.value(COUNT, route="unmatched", method="DELETE", status="4xx") == 1
    assert service.value(COUNT, route="unmatched", method="other", status="4xx") == 1


def test_an_unhandled_exception_is_a_5xx(payments: Build) -> None:
    service = payments()
    assert service.ask("/payments", "POST", json={"how": "raise"})[0] == 500
    assert service.value(COUNT, route="/payments", method="POST", status="5xx") == 1


def test_an_exception_that_leaves_the_application_is_a_5xx_too(payments: Build) -> None:
    service = payments()
    service.app.testing = True
    with pytest.raises(TimeoutError):
        service.ask("/payments", "POST", json={"how": "raise"})
    assert service.value(COUNT, route="/payments", method="POST", status="5xx") == 1
    assert service.value(IN_FLIGHT) == 0


def test_a_streamed_answer_is_in_flight_until_its_last_byte(payments: Build) -> None:
    service = payments()
    answer = service.client.get("/stream")
    assert service.value(IN_FLIGHT) == 1
    assert answer.text == "halfwhole"
    assert service.value(IN_FLIGHT) == 0
    assert service.value(COUNT, route="/stream", method="GET", status="2xx") == 1
    answer.close()
    assert service.value(COUNT, route="/stream", method="GET", status="2xx") == 1


def test_an_answer_that_breaks_off_half_way_is_a_5xx(payments: Build) -> None:
    service = payments()
    with pytest.raises(ConnectionError):
        service.client.get("/stream?break=1").get_data()
    assert service.value(COUNT, route="/stream", method="GET", status="5xx") == 1
    assert service.value(IN_FLIGHT) == 0


def test_routes_stand_at_zero_so_that_the_first_failure_is_seen(payments: Build) -> None:
    service = payments()
    service.ask("/metrics")
    for status in ("2xx", "5xx"):
        assert service.value(COUNT, route="/payments", method="POST", status=status) == 0
    assert service.value(COUNT, route="/metrics", method="GET", status="2xx") is None


def test_openmetrics_shows_an_exemplar_of_the_trace_the_caller_began(payments: Build) -> None:
    service = payments()
    trace_id, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    service.ask("/payments/1", headers={"traceparent": f"00-{trace_id}-{caller}-01"})
    exemplars = [sample.exemplar for sample in service.scrape(BUCKET) if sample.exemplar]
    assert [exemplar.labels["trace_id"] for exemplar in exemplars] == [trace_id]
    assert exemplars[0].labels["span_id"] != caller


def test_a_trace_nobody_records_is_no_exemplar(payments: Build) -> None:
    service = payments()
    service.ask("/payments/1", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-00"})
    assert not [sample for sample in service.scrape(BUCKET) if sample.exemplar]


def test_plain_text_has_the_numbers_and_no_exemplars(payments: Build) -> None:
    service = payments()
    service.ask("/payments/1")
    with service.client.get("/metrics") as answer:
        assert answer.content_type.startswith("text/plain")
        assert "wedsync_http_request_duration_seconds_bucket" in answer.text
        assert "trace_id" not in answer.text


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=one", "\x7f;;;=", "*/*" * 1000])
def test_a_nonsensical_accept_header_still_gets_an_answer(payments: Build, accept: str) -> None:
    assert payments().ask("/metrics", headers={"Accept": accept})[0] == 200


def test_the_edges_are_in_seconds_and_stand_at_the_objectives(payments: Build) -> None:
    service = payments()
    service.ask("/payments/1")
    edges = {sample.labels["le"] for sample in service.scrape(BUCKET)}
    assert edges == {str(edge) for edge in DURATION_BUCKETS} | {"+Inf"}
    assert {0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0} <= set(DURATION_BUCKETS)


def test_metrics_are_for_the_bearer_of_a_live_token_only(payments: Build, tmp_path: Path) -> None:
    tokens = tmp_path / "metrics.token"
    tokens.write_text("the-first-live-token\nthe-second-live-token\n")
    service = payments(scraping=Scraping(token_file=tokens))
    with service.client.get("/metrics") as answer:
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "wedsync_" not in answer.text
    assert service.ask("/metrics", headers={"Authorization": "Bearer guess"})[0] == 401
    for token in ("the-first-live-token", "the-second-live-token"):
        assert service.ask("/metrics", headers={"Authorization": f"Bearer {token}"})[0] == 200
    tokens.write_text("an-entirely-new-token\n")
    assert service.ask("/metrics", headers={"Authorization": "Bearer the-first-live-token"})[0] == 401
    assert service.ask("/metrics", headers={"Authorization": "Bearer an-entirely-new-token"})[0] == 200


def test_an_application_is_instrumented_once(payments: Build) -> None:
    service = payments()
    with pytest.raises(ValueError, match="instrumented already"):
        instrument(service.app, service="payment", otlp_endpoint="")


def test_services_of_one_process_are_told_apart_on_one_registry(payments: Build) -> None:
    registry = CollectorRegistry()
    first = payments(registry=registry)
    second = payments(registry=registry, service="booking")
    first.ask("/payments/1")
    second.ask("/payments/1")
    second.ask("/payments/2")
    labels = {"route": "/payments/<int:number>", "method": "GET", "status": "2xx"}
    assert registry.get_sample_value(COUNT, {"service": "payment", **labels}) == 1
    assert registry.get_sample_value(COUNT, {"service": "booking", **labels}) == 2


def test_a_path_of_raw_bytes_is_served_and_counted(payments: Build) -> None:
    service = payments()
    assert service.ask("/\xff\xfe%ED%A0%80")[0] == 404
    assert json.dumps(service.ask("/metrics")[1])
