"""Maintenance windows and rules: recorded all the same, and people are woken when the time is over."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cast import SATURDAY, TUESDAY
from tests.receiver import Desk, alert, open_desk
from webhook_receiver.incidents import store
from webhook_receiver.incidents.incident import Suppressed
from wedsync_core.clock import format_timestamp

SLOW: dict[str, Any] = {
    "severity": "warning",
    "service": "photos",
    "type": "performance_degradation",
    "affects": "photo_upload",
    "region": "london",
}


def window(desk: Desk, *, minutes: float = 60, **changes: Any) -> dict[str, Any]:
    body = {
        "ends_at": format_timestamp(desk.clock.now() + timedelta(minutes=minutes)),
        "match": {"service": "photos"},
        "reason": "new disks",
        **changes,
    }
    answer = desk.post("/maintenance", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.get_json()
    return made


def only_incident(desk: Desk) -> dict[str, Any]:
    (incident,) = desk.get("/incidents/active")
    shown: dict[str, Any] = desk.get(f"/incidents/{incident['id']}")
    return shown


def kinds(incident: dict[str, Any]) -> list[str]:
    return [update["kind"] for update in reversed(incident["updates"])]


def test_an_incident_in_a_window_is_recorded_and_pages_when_the_window_ends(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    made = window(desk)
    desk.alerts(alert("WorkflowSlow", starts_at=TUESDAY, **SLOW))
    desk.pass_minutes(59.5)
    assert desk.pager.people() == desk.console.people() == [], "nobody is woken"
    incident = only_incident(desk)
    assert incident["status"] == "open"
    assert incident["suppressed_by"] == {
        "kind": "window",
        "name": made["id"],
        "reason": "new disks",
        "until": made["ends_at"],
    }
    assert incident["next_escalation_at"] == made["ends_at"]
    assert kinds(incident) == ["opened", "suppressed", "alert_firing"]

    desk.pass_minutes(0.5)
    assert desk.console.people() == ["noor"], "the window is over and the fault is not"
    incident = only_incident(desk)
    assert incident["suppressed_by"] is None
    assert "woken" in kinds(incident)


def test_a_window_asked_for_twice_with_one_key_is_one_window(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    body = {
        "ends_at": format_timestamp(TUESDAY + timedelta(hours=1)),
        "match": {"service": "photos"},
        "reason": "new disks",
    }
    key = {"Idempotency-Key": "deploy-81"}
    first = desk.post("/maintenance", body, headers=key)
    desk.pass_minutes(5)
    again = desk.post("/maintenance", body, headers=key)
    other = desk.post("/maintenance", {**body, "up_to": "critical"}, headers=key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.get_json() == first.get_json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert [one["id"] for one in desk.get("/maintenance")] == [first.get_json()["id"]]


def test_an_incident_that_ends_within_its_window_wakes_nobody(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    window(desk)
    desk.alerts(alert("WorkflowSlow", starts_at=TUESDAY, **SLOW))
    desk.pass_minutes(10)
    desk.alerts(alert("WorkflowSlow", status="resolved", starts_at=TUESDAY, ends_at=desk.clock.now(), **SLOW))
    desk.pass_minutes(90)
    assert desk.console.people() == []
    assert desk.get("/incidents/active") == []


def test_a_cancelled_window_wakes_what_it_held_at_once(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    made = window(desk)
    desk.alerts(alert("WorkflowSlow", starts_at=TUESDAY, **SLOW))
    desk.turn()
    answer = desk.call("DELETE", f"/maintenance/{made['id']}").get_json()
    assert (answer["state"], answer["woken"]) == ("cancelled", 1)
    desk.turn()
    assert desk.console.people() == ["noor"]
    assert desk.call("DELETE", f"/maintenance/{made['id']}").get_json()["woken"] == 0, "twice is once"
    (shown,) = desk.get("/maintenance")
    assert shown["state"] == "cancelled"


def test_another_window_that_still_stands_keeps_it_asleep(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    first = window(desk, minutes=10)
    desk.alerts(alert("WorkflowSlow", starts_at=TUESDAY, **SLOW))
    second = window(desk, minutes=30)
    desk.pass_minutes(15)
    assert desk.console.people() == []
    assert only_incident(desk)["suppressed_by"]["name"] == second["id"] != first["id"]
    desk.pass_minutes(15)
    assert desk.console.people() == ["noor"]


def test_what_is_more_severe_than_agreed_pages_inside_the_window(saturday_desk: Desk) -> None:
    desk = saturday_desk
    window(desk, up_to="high")
    desk.alerts(alert("WorkflowSlow", starts_at=SATURDAY, **SLOW))
    desk.turn()
    assert only_incident(desk)["severity"] == "critical", "a workflow on the wedding Saturday"
    assert desk.pager.people() == ["ines", "noor"]


def test_a_window_up_to_critical_holds_even_a_wedding_saturday(saturday_desk: Desk) -> None:
    desk = saturday_desk
    window(desk, up_to="critical")
    desk.alerts(alert("WorkflowSlow", starts_at=SATURDAY, **SLOW))
    desk.pass_minutes(5)
    assert desk.pager.people() == []


def test_an_alert_of_another_service_pages_meanwhile(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    window(desk)
    desk.alerts(alert("WorkflowSlow", starts_at=TUESDAY, **{**SLOW, "service": "messaging"}))
    desk.turn()
    assert desk.console.people() == ["noor"]


def test_a_person_who_escalates_by_hand_wakes_it(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    window(desk)
    desk.alerts(alert("WorkflowSlow", starts_at=TUESDAY, **SLOW))
    desk.turn()
    desk.post(f"/incidents/{only_incident(desk)['id']}/escalate")
    desk.pass_minutes(0.2)
    assert desk.console.people() == ["noor"]
    desk.pass_minutes(10)
    assert desk.console.people() == ["noor", "tomasz"], "and the policy goes on, window or not"
    assert only_incident(desk)["suppressed_by"] is None


def test_an_incident_reported_by_hand_sleeps_too(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    window(desk, up_to="high")
    desk.post("/incidents", {"title": "uploads stall", "service": "photos", "affects": ["photo_upload"]})
    desk.pass_minutes(30)
    assert desk.console.people() == []
    desk.pass_minutes(30)
    assert desk.console.people() == ["noor"]


def test_what_alertmanager_holds_back_is_not_woken_from_here(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    desk.alerts(alert("WorkflowSlow", starts_at=TUESDAY, **SLOW))
    desk.upstream.alertmanager.suppress(alert("WorkflowSlow", starts_at=TUESDAY, **SLOW), silenced_by=("s-1",))
    silenced = Suppressed("alertmanager", "silenced", "silence s-1", None)
    incident_id = int(only_incident(desk)["id"])
    with desk.receiver.database.write() as transaction:
        row = store.find_incident(transaction, incident_id)
        assert row is not None
        values = {"suppressed_by": silenced.as_json(), "next_escalation_at": None}
        store.update_incident(transaction, incident_id, values, desk.clock.now())
    desk.pass_minutes(2)
    assert desk.console.people() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ends_at": None}, "ends_at"),
        ({"ends_at": "2026-01-13T09:00:00Z"}, "ends_at"),
        ({"ends_at": "2026-01-13T12:00:00"}, "ends_at"),
        ({"ends_at": "2026-02-13T12:00:00Z"}, "ends_at"),
        ({"starts_at": "2026-01-13T14:00:00Z", "ends_at": "2026-01-13T12:00:00Z"}, "ends_at"),
        ({"match": {}}, "match"),
        ({"match": {"service": ""}}, "match.service"),
        ({"match": {"a-b": "c"}}, "match.a-b.[key]"),
        ({"up_to": "severe"}, "up_to"),
        ({"reason": ""}, "reason"),
        ({"until": "tomorrow"}, "until"),
    ],
)
def test_a_wrong_window_is_refused_by_field(tuesday_desk: Desk, changes: dict[str, Any], field: str) -> None:
    body = {"ends_at": "2026-01-13T12:00:00Z", "match": {"service": "photos"}, "reason": "new disks", **changes}
    answer = tuesday_desk.post("/maintenance", body)
    assert answer.status_code == 422, answer.text
    assert [problem["field"] for problem in answer.get_json()["errors"]] == [field]


def test_windows_are_not_for_viewers_to_open_and_a_missing_one_is_404(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    assert desk.post("/maintenance", {}, role="viewer").status_code == 403
    assert desk.call("DELETE", "/maintenance/1", "viewer").status_code == 403
    assert desk.call("DELETE", "/maintenance/7").status_code == 404
    made = window(desk, minutes=1)
    desk.pass_minutes(2)
    assert desk.call("DELETE", f"/maintenance/{made['id']}").status_code == 409, "over by itself"


@pytest.fixture
def ruled(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """A desk with a rule for slow uploads in London, of any severity."""
    rule = "[{name: slow_london, match: {alertname: WorkflowSlow, region: london}, reason: known, up_to: critical}]"
    with open_desk(tmp_path, database_url, SATURDAY - timedelta(days=2), {"WEDSYNC__SUPPRESSION__RULES": rule}) as desk:
        yield desk


def test_a_rule_holds_on_a_thursday_for_as_long_as_it_stands(ruled: Desk) -> None:
    desk = ruled
    desk.alerts(alert("WorkflowSlow", starts_at=desk.clock.now(), **SLOW))
    desk.pass_minutes(60)
    assert desk.pager.people() == []
    incident = only_incident(desk)
    assert (incident["severity"], incident["suppressed_by"]["kind"]) == ("high", "rule")
    assert incident["next_escalation_at"] is None


def test_a_rule_never_holds_a_critical_incident_on_a_wedding_saturday(ruled: Desk) -> None:
    desk = ruled
    desk.clock.set(SATURDAY)
    desk.alerts(alert("WorkflowSlow", starts_at=SATURDAY, **SLOW))
    desk.turn()
    assert desk.pager.people() == ["ines", "noor"]


def test_an_incident_whose_severity_rises_wakes(ruled: Desk) -> None:
    """However it rose: the row says critical on a wedding day, the rule does not cover that."""
    desk = ruled
    desk.alerts(alert("WorkflowSlow", starts_at=desk.clock.now(), **SLOW))
    desk.pass_minutes(1)
    raise_severity(desk, only_incident(desk)["id"])
    desk.pass_minutes(1)
    assert desk.pager.people(), "woken within a look"
    assert only_incident(desk)["suppressed_by"] is None


def test_a_rule_that_is_gone_after_a_restart_holds_nothing(tmp_path: Path, database_url: str) -> None:
    rule = "[{name: slow_london, match: {region: london}, reason: known, up_to: critical}]"
    with open_desk(tmp_path, database_url, TUESDAY, {"WEDSYNC__SUPPRESSION__RULES": rule}) as desk:
        desk.alerts(alert("WorkflowSlow", starts_at=TUESDAY, **SLOW))
        desk.turn()
        assert desk.console.people() == []
    with open_desk(tmp_path, database_url, TUESDAY + timedelta(minutes=1), {}) as desk:
        desk.pass_minutes(0.2)
        assert desk.console.people() == ["noor"]


def raise_severity(desk: Desk, incident_id: str) -> None:
    with desk.receiver.database.write() as transaction:
        row = store.find_incident(transaction, int(incident_id))
        assert row is not None
        values = {
            "severity": "critical",
            "severity_rank": 3,
            "decision": {**row.decision, "severity": "critical", "on_wedding_day": True},
        }
        store.update_incident(transaction, row.id, values, desk.clock.now())
