"""A fault in a real service reaches a person's pager through the real chain, and the way back."""

import uuid

import pytest

from tests.waiting import wait_until
from tests.whole_stack import WholeStack
from wedsync_core.clock import SystemClock, format_timestamp

pytestmark = pytest.mark.real


def on_call_engineer(stack: WholeStack) -> str:
    """Whose turn it is today."""
    roles = stack.call("GET", "receiver", "/api/monitoring/oncall", "viewer").json()["roles"]
    (engineer,) = next(role["now"] for role in roles if role["role"] == "on_call_engineer")
    person: str = engineer["person"]
    return person


def test_photo_uploads_fail_in_london_where_somebody_marries_now(whole_stack: WholeStack) -> None:
    stack = whole_stack
    fault = {"fault": "failing", "workflow": "photo_upload", "region": "london"}
    stack.call("POST", "demo", "/faults", json=fault)
    title = "photo_upload is failing in london"

    wait_until(lambda: bool(stack.pages(title)), 60)
    (incident,) = stack.incidents(title)
    assert (incident["severity"], incident["wedding_impact"]) == ("critical", "high")
    assert incident["escalation_policy"] == "wedding_day"
    assert "a wedding is in progress" in incident["decision"]["reasons"][0]
    wait_until(lambda: len(stack.pages(title)) == 2)  # on-call engineer and platform lead
    assert {page["content"]["person"] for page in stack.pages(title)} == {on_call_engineer(stack), "ines"}
    written = (stack.ground.data / "pages.log").read_text()
    assert title in written, "the console channel wrote it too"

    acknowledgement = stack.call(
        "POST", "receiver", f"/api/monitoring/incidents/{incident['id']}/acknowledge", "responder", json={"by": "noor"}
    ).json()
    assert acknowledgement["status"] == "investigating"
    assert stack.incident(incident["id"])["next_escalation_at"] is None, "nobody else is told while she has it"

    stack.call("DELETE", "demo", "/faults")
    wait_until(lambda: stack.incident(incident["id"])["status"] == "resolved", 180)
    assert stack.incident(incident["id"])["resolved_by"] == "alertmanager"
    assert len(stack.pages(title)) == 2, "and nobody was told again"


def test_the_same_fault_where_nobody_marries_goes_to_the_on_call_engineer_alone(whole_stack: WholeStack) -> None:
    stack = whole_stack
    calendar = stack.call("GET", "exporters", "/metrics").text
    fault = {"fault": "failing", "workflow": "messaging", "region": "new_york"}
    stack.call("POST", "demo", "/faults", json=fault)
    title = "messaging is failing in new_york"

    wait_until(lambda: bool(stack.pages(title)), 60)
    stack.call("DELETE", "demo", "/faults")

    (incident,) = stack.incidents(title)
    weekend = 'wedsync_calendar_risk{region="new_york",risk="weekend"} 1.0' in calendar
    expected = ("critical", "wedding_day") if weekend else ("high", "standard")
    assert (incident["severity"], incident["escalation_policy"]) == expected


def test_a_critical_error_goes_directly_and_the_rules_alert_joins_its_incident(whole_stack: WholeStack) -> None:
    stack = whole_stack
    report = {
        "event_id": uuid.uuid4().hex,
        "error_type": "DiaryFull",
        "message": "amara@okafor.example could not be booked",
        "level": "api",
        "service": "booking",
        "type": "service_failure",
        "affects": ["booking"],
        "region": "london",
        "timestamp": format_timestamp(SystemClock().now()),
    }
    answer = stack.call("POST", "exporters", "/api/monitoring/errors", "ingest", json=report).json()
    assert (answer["severity"], answer["alertTriggered"]) == ("critical", True)

    wait_until(lambda: len(stack.pages("DiaryFull")) == 2, 30)
    (incident,) = stack.incidents("DiaryFull")
    assert incident["severity"] == "critical"
    (alert,) = stack.incident(incident["id"])["alerts"]
    assert alert["labels"]["source"] == "ingest"
    told = str(stack.incident(incident["id"])) + str(stack.pages("DiaryFull"))
    assert "amara@okafor.example" not in told

    again = stack.call("POST", "exporters", "/api/monitoring/errors", "ingest", json=report).json()
    assert again["errorId"] == answer["errorId"], "a repeat answers as the first time"

    stack.call("POST", "demo", "/faults", json={"fault": "failing", "workflow": "booking", "region": "london"})
    wait_until(lambda: len(stack.incident(incident["id"])["alerts"]) == 2, 60)
    stack.call("DELETE", "demo", "/faults")
    alerts = stack.incident(incident["id"])["alerts"]
    assert {alert["labels"]["alertname"] for alert in alerts} == {"CriticalErrorReported", "WorkflowFailing"}
    assert stack.incidents("booking is failing in london") == []
    assert stack.pages("booking is failing in london") == [], "those who know are not woken for the same thing again"


def test_the_watchdog_reaches_the_receiver_and_wakes_nobody(whole_stack: WholeStack) -> None:
    stack = whole_stack
    name = "wedsync_watchdog_last_seen_timestamp_seconds"

    def seen() -> bool:
        lines = stack.call("GET", "receiver", "/metrics").text.splitlines()
        return any(line.startswith(name) and float(line.split()[1]) > 0 for line in lines)

    # What fires before Prometheus has found Alertmanager is only sent again a minute later.
    wait_until(seen, 120)
    assert stack.incidents("Watchdog") == []
