"""Which message goes to which channels."""

import json
from typing import Any

from tests.cast import SATURDAY
from webhook_receiver.live.message import Message, messages_of, type_of, updates_of
from webhook_receiver.sources.contract import Sample

INCIDENT: dict[str, Any] = {
    "id": "42",
    "title": "Photo uploads fail",
    "description": "",
    "severity": "critical",
    "wedding_impact": "high",
    "escalation_policy": "wedding_day",
    "suppressed_by": None,
    "service": "upload",
    "type": "service_failure",
    "affects": ["photo_upload"],
    "regions": ["london"],
    "status": "open",
    "created_at": "2026-06-13T14:00:00Z",
}


def event(kind: str) -> dict[str, Any]:
    return {"id": "7", "kind": kind, "actor": "alertmanager", "detail": {}, "created_at": "2026-06-13T14:00:00Z"}


def test_a_new_incident_is_news_of_an_alert_to_its_severity_and_all_its_services() -> None:
    incident, alert = messages_of(7, event("opened"), INCIDENT, {"upload", "s3"})
    assert incident.kind == "incident"
    assert incident.channels == {"incidents:all", "incidents:42"}
    assert alert.kind == "alert"
    assert alert.channels == {"alerts:critical", "alerts:upload", "alerts:s3"}
    assert {"severity", "weddingImpact", "escalationPolicy", "suppressionRules"} <= set(alert.data)


def test_an_acknowledgement_is_no_news_of_an_alert() -> None:
    (incident,) = messages_of(8, event("acknowledged"), INCIDENT, {"upload"})
    assert incident.data["event"]["kind"] == "acknowledged"


def test_a_frame_is_what_the_contract_says() -> None:
    frame = json.loads(Message("alert", {"a": 1}, frozenset(), 9).text(SATURDAY))
    assert frame == {"type": "alert", "data": {"a": 1}, "timestamp": int(SATURDAY.timestamp() * 1000), "seq": 9}


def test_recorded_series_are_told_by_metric_and_type() -> None:
    rate = "service_route:wedsync_http_requests:rate5m"
    samples = [Sample(rate, {"service": "upload"}, 2.0), Sample(rate, {"service": "booking"}, 1.0)]
    updates = updates_of([*samples, Sample("service_level:wedsync_errors:increase5m", {}, 3.0)], 5)
    assert updates[rate].channels == {"metrics:all", "metrics:http"}
    assert [one["value"] for one in updates[rate].data["series"]] == [1.0, 2.0]
    assert updates[rate].seq == 5
    assert updates_of(samples[::-1], 5)[rate].data == updates[rate].data, "the order of the answer is no change"


def test_the_type_is_the_first_word_of_what_is_measured() -> None:
    assert type_of("service_workflow_region:wedsync_workflow_attempts:rate5m") == "workflow"
    assert type_of("service_level:wedsync_errors:increase5m") == "errors"
