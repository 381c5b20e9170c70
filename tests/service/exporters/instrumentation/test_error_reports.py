"""Errors reach the exporters, and never stand in a request's way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporters.instrumentation import Backoff, ErrorReporting
from tests.fakes import HttpSink, Received

SENT = "wedsync_error_reports_sent_total"
Build = Callable[..., Any]
QUICK = Backoff(first=0.01, ceiling=0.05, attempts=500)


def reports(received: list[Received]) -> list[dict[str, Any]]:
    return [report for request in received for report in json.loads(request.body)["errors"]]


def test_an_unhandled_exception_in_a_workflow_becomes_a_report(payments: Build, tmp_path: Path) -> None:
    token = tmp_path / "ingest.token"
    token.write_text("the-ingest-token-1\nthe-ingest-token-2\n")
    with HttpSink() as exporters:
        service = payments(error_reports=ErrorReporting(exporters.url, token, release="7", environment="demo"))
        trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
        service.ask(
            "/payments?card=4242424242424242",
            "POST",
            json={"how": "raise", "region": "sydney", "password": "hunter2"},
            headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01", "Cookie": "session=secret"},
        )
        received = exporters.wait_for(lambda received: len(received) == 1)
    assert received[0].path == "/api/monitoring/errors"
    assert received[0].headers["authorization"] == "Bearer the-ingest-token-1"
    assert received[0].headers["content-type"] == "application/json"
    (report,) = reports(received)
    assert len(report["event_id"]) == 32
    assert int(report["event_id"], 16) >= 0
    expected = {
        "error_type": "TimeoutError",
        "message": "the provider did not answer",
        "level": "api",
        "service": "payment",
        "type": "service_failure",
        "affects": ["payment"],
        "region": "sydney",
        "route": "/payments",
        "release": "7",
        "environment": "demo",
        "user_context": {},
        "request_data": {"method": "POST", "url": "/payments"},
        "trace_id": trace_id,
        "tags": {},
    }
    assert {key: report[key] for key in expected} == expected
    assert "TimeoutError: the provider did not answer" in report["stack_trace"]
    for secret in (b"4242", b"hunter2", b"session=secret"):
        assert secret not in received[0].body


def test_an_error_outside_any_workflow_is_an_error_and_affects_none(payments: Build) -> None:
    with HttpSink() as exporters:
        service = payments(error_reports=ErrorReporting(exporters.url))
        service.app.add_url_rule("/broken", "broken", lambda: {"parts": 1 // 0})
        service.ask("/payments", "POST", data="not json at all")  # refused with 400: nobody's error
        service.ask("/broken")
        received = exporters.wait_for(lambda received: len(received) == 1)
    (report,) = reports(received)
    assert (report["error_type"], report["type"], report["affects"]) == ("ZeroDivisionError", "error", [])
    assert report["region"] is None
    assert "authorization" not in received[0].headers


def test_a_handled_error_is_reported_with_what_the_service_knows(payments: Build) -> None:
    with HttpSink() as exporters:
        service = payments(error_reports=ErrorReporting(exporters.url))
        with service.instrumentation.workflow("payment", region="london"):
            event_id = service.instrumentation.report(
                LookupError("3 receipts are gone"), kind="data_loss", tags={"check": "nightly"}
            )
        received = exporters.wait_for(lambda received: len(received) == 1)
    (report,) = reports(received)
    assert report["event_id"] == event_id
    assert (report["type"], report["affects"], report["region"]) == ("data_loss", ["payment"], "london")
    assert report["tags"] == {"check": "nightly"}


def test_reports_made_while_the_exporters_are_down_arrive_when_they_are_back(payments: Build) -> None:
    exporters = HttpSink()
    with exporters:
        service = payments(error_reports=ErrorReporting(exporters.url, backoff=QUICK))
    # Down: nothing listens on that port.
    for _ in range(5):
        assert service.ask("/payments", "POST", json={"how": "raise", "region": "london"})[0] == 500
    assert service.value(SENT, outcome="sent") == 0
    with exporters:
        received = exporters.wait_for(lambda received: len(reports(received)) == 5)
        assert len({report["event_id"] for report in reports(received)}) == 5
        assert service.instrumentation._parts.reporter.flush(5)
    assert service.value(SENT, outcome="sent") == 5
    assert service.value(SENT, outcome="dropped") == 0


def test_a_report_tried_again_keeps_its_event_id(payments: Build) -> None:
    statuses = [503, 500, 200]
    with HttpSink(lambda _request: (statuses.pop(0), {}, b"{}")) as exporters:
        service = payments(error_reports=ErrorReporting(exporters.url, backoff=QUICK))
        service.ask("/payments", "POST", json={"how": "raise"})
        received = exporters.wait_for(lambda received: len(received) == 3)
    assert len({report["event_id"] for report in reports(received)}) == 1


def test_a_storm_is_bounded_and_every_report_accounted_for(payments: Build) -> None:
    exporters = HttpSink()
    with exporters:
        pass
    service = payments(error_reports=ErrorReporting(exporters.url, capacity=20, backoff=QUICK))
    for _ in range(100):
        assert service.ask("/payments", "POST", json={"how": "raise"})[0] == 500
    service.instrumentation.shutdown(0.05)
    counted = {outcome: service.value(SENT, outcome=outcome) for outcome in ("sent", "failed", "dropped")}
    assert counted["sent"] == 0
    assert sum(counted.values()) == 100


def test_items_refused_inside_an_accepted_batch_are_counted_as_failed(payments: Build) -> None:
    answer = json.dumps({"results": [{"index": 0, "status": "refused"}], "recorded": 0, "refused": 1}).encode()
    with HttpSink(lambda _request: (200, {}, answer)) as exporters:
        service = payments(error_reports=ErrorReporting(exporters.url))
        service.instrumentation.report(ValueError("no"))
        assert service.instrumentation._parts.reporter.flush(5)
    assert service.value(SENT, outcome="failed") == 1
    assert service.value(SENT, outcome="sent") == 0


def test_a_missing_token_file_is_waited_for(payments: Build, tmp_path: Path) -> None:
    token = tmp_path / "ingest.token"
    with HttpSink() as exporters:
        service = payments(error_reports=ErrorReporting(exporters.url, token, backoff=QUICK))
        service.instrumentation.report(ValueError("no"))
        token.write_text("the-ingest-token-1")
        exporters.wait_for(lambda received: len(received) == 1)


def test_without_an_address_a_report_is_an_id_and_nothing_more(payments: Build) -> None:
    service = payments()
    assert len(service.instrumentation.report(ValueError("no"))) == 32
    assert service.value(SENT, outcome="dropped") == 0
