"""The routes of incidents, with the specification's keys."""

import re

import pytest

from tests.cast import SATURDAY
from tests.receiver import Desk, alert

UPLOADS_DOWN = {
    "title": "Couples cannot upload photos",
    "service": "photos",
    "type": "service_failure",
    "affects": ["photo_upload"],
    "region": "london",
}


def test_an_incident_reported_by_hand_is_judged_and_told(saturday_desk: Desk) -> None:
    desk = saturday_desk
    answer = desk.post("/incidents", UPLOADS_DOWN)
    desk.turn()

    assert answer.status_code == 201
    assert answer.get_json() == {
        "incidentId": "1",
        "severity": "critical",
        "escalationTriggered": True,
        "weddingImpact": "high",
        "escalationPolicy": "wedding_day",
        "reasons": ["photo_upload affected while london: Saturday in Europe/London"],
    }
    assert desk.pager.people() == ["ines", "noor"]


def test_on_a_tuesday_the_same_report_is_no_emergency(tuesday_desk: Desk) -> None:
    answer = tuesday_desk.post("/incidents", UPLOADS_DOWN).get_json()

    assert (answer["severity"], answer["escalationTriggered"]) == ("low", False)


def test_a_low_incident_does_not_reach_the_pager(tuesday_desk: Desk) -> None:
    tuesday_desk.post("/incidents", UPLOADS_DOWN)
    tuesday_desk.turn()

    assert tuesday_desk.pager.people() == []
    assert tuesday_desk.console.people() == ["noor"]


def test_the_record_has_the_keys_of_the_specification(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.post("/incidents", {**UPLOADS_DOWN, "affected_users": 12, "ticket": "WS-1"})
    desk.turn()
    (shown,) = desk.get("/incidents/active")

    assert shown["id"] == "1"
    assert shown["auto_created"] is True
    assert shown["context"]["affected_services"] == ["photos"]
    assert shown["context"]["user_impact_estimate"] == {
        "affected_users": 12,
        "workflows": ["photo_upload"],
        "weddings_in_progress": 0,
    }
    assert shown["context"]["system_state"]["calendar"]["london"] == "weekend"
    assert shown["context"]["reported"] == {"ticket": "WS-1"}
    assert shown["assigned_to"] is None
    assert shown["current_escalation_level"] == 1
    assert shown["decision"]["rule"] == "wedding_workflow_on_wedding_day"
    assert len(shown["updates"]) == 5, "the latest five of six entries"
    assert desk.get("/incidents/1")["updates"][-1]["kind"] == "opened"


def test_active_incidents_come_worst_first_then_oldest(saturday_desk: Desk) -> None:
    desk = saturday_desk
    for service, affects in (("search", []), ("booking", ["booking"]), ("payment", []), ("photos", ["photo_upload"])):
        desk.post("/incidents", {**UPLOADS_DOWN, "service": service, "affects": affects})
        desk.clock.advance(seconds=1)

    shown = [(one["service"], one["severity"]) for one in desk.get("/incidents/active")]

    assert shown == [("booking", "critical"), ("photos", "critical"), ("payment", "high"), ("search", "low")]


def test_escalating_tells_the_next_people_and_two_clicks_are_one(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.post("/incidents", UPLOADS_DOWN)
    desk.turn()
    desk.pager.forget()

    first = desk.post("/incidents/1/escalate", {"currentLevel": 1}).get_json()
    second = desk.post("/incidents/1/escalate", {"currentLevel": 1}).get_json()
    desk.turn()

    assert first == {
        "escalated": True,
        "escalationLevel": 2,
        "notificationsSent": True,
        "notificationsQueued": 4,
        "repeated": False,
    }
    assert (second["escalationLevel"], second["notificationsQueued"], second["repeated"]) == (2, 0, True)
    assert desk.pager.people() == ["grace", "ines"]


def test_escalating_what_was_acknowledged_opens_it_again(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.post("/incidents", UPLOADS_DOWN)
    desk.turn()
    desk.post("/incidents/1/acknowledge", {"by": "noor"})
    desk.pager.forget()

    desk.post("/incidents/1/escalate", {"by": "noor"})
    desk.turn()

    assert desk.get("/incidents/1")["status"] == "open"
    assert desk.pager.people() == ["grace", "ines"]


def test_acknowledging_withdraws_pages_that_have_not_gone_out(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.post("/incidents", UPLOADS_DOWN)
    desk.post("/incidents/1/escalate")  # queued, and the ticker has not turned yet
    desk.post("/incidents/1/acknowledge", {"by": "ines"})
    desk.turn()

    assert desk.pager.envelopes == []
    assert {page["state"] for page in desk.get("/incidents/1")["notifications"]} == {"cancelled"}


def test_a_resolved_incident_takes_no_more_moves(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.post("/incidents", UPLOADS_DOWN)
    resolved = desk.post("/incidents/1/resolve", {"by": "noor", "note": "disk replaced"}).get_json()
    assert (resolved["resolved"], resolved["status"], resolved["resolvedBy"]) == (True, "resolved", "noor")

    for move in ("acknowledge", "escalate", "resolve"):
        answer = desk.post(f"/incidents/1/{move}")
        assert answer.status_code == 409, move
        assert answer.content_type == "application/problem+json"


def test_unknown_incidents_are_not_found(saturday_desk: Desk) -> None:
    for method, path in (
        ("GET", "/incidents/7"),
        ("POST", "/incidents/7/acknowledge"),
        ("POST", "/incidents/7/escalate"),
        ("POST", "/incidents/7/resolve"),
        ("GET", "/incidents/none"),
    ):
        assert saturday_desk.call(method, path).status_code == 404, path


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": 7}, "title"),
        ({"affects": ["foto_upload"]}, "affects"),
        ({"affects": 7}, "affects"),
        ({"affected_users": -1}, "affected_users"),
        ({"affected_users": "many"}, "affected_users"),
        ({"severity": "apocalyptic"}, "severity"),
        ({"region": ["london"]}, "region"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_opened(
    saturday_desk: Desk, change: dict[str, object], field: str
) -> None:
    answer = saturday_desk.post("/incidents", {**UPLOADS_DOWN, **change})

    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["errors"][0]["field"] == field
    assert saturday_desk.get("/incidents/active") == []


def test_an_idempotency_key_makes_a_repeat_the_same_answer(saturday_desk: Desk) -> None:
    desk = saturday_desk
    headers = {"Idempotency-Key": "phone-7-tap-1"}
    first = desk.post("/incidents", UPLOADS_DOWN, headers=headers)
    again = desk.post("/incidents", UPLOADS_DOWN, headers=headers)
    other = desk.post("/incidents", {**UPLOADS_DOWN, "title": "Something else"}, headers=headers)

    assert again.get_json() == first.get_json()
    assert other.status_code == 409
    assert len(desk.get("/incidents/active")) == 1


def test_the_calls_of_an_outsider_open_nothing(saturday_desk: Desk) -> None:
    """Every route by every role: what is not named is refused."""
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY))
    allowed = {
        ("POST", "/alertmanager"): {"alertmanager"},
        ("POST", "/incidents"): {"ingest", "responder", "admin"},
        ("GET", "/incidents/active"): {"viewer", "responder", "admin"},
        ("GET", "/incidents/1"): {"viewer", "responder", "admin"},
        ("POST", "/incidents/1/acknowledge"): {"responder", "admin"},
        ("POST", "/incidents/1/escalate"): {"responder", "admin"},
        ("POST", "/incidents/1/resolve"): {"responder", "admin"},
        ("GET", "/incidents"): {"viewer", "responder", "admin"},
        ("GET", "/incidents/1/timeline"): {"viewer", "responder", "admin"},
        ("POST", "/incidents/1/reopen"): {"responder", "admin"},
        ("POST", "/incidents/1/assign"): {"responder", "admin"},
        ("POST", "/incidents/1/note"): {"responder", "admin"},
        ("POST", "/incidents/1/merge"): {"responder", "admin"},
        ("POST", "/incidents/1/split"): {"responder", "admin"},
        ("GET", "/incidents/1/silences"): {"viewer", "responder", "admin"},
        ("POST", "/incidents/1/silences"): {"responder", "admin"},
        ("GET", "/silences"): {"viewer", "responder", "admin"},
        ("DELETE", "/silences/1"): {"responder", "admin"},
        ("GET", "/maintenance"): {"viewer", "responder", "admin"},
        ("POST", "/maintenance"): {"responder", "admin"},
        ("DELETE", "/maintenance/1"): {"responder", "admin"},
        ("GET", "/oncall"): {"viewer", "responder", "admin"},
        ("GET", "/oncall/calendar.ics"): {"viewer", "responder", "admin"},
        ("GET", "/oncall/overrides"): {"viewer", "responder", "admin"},
        ("POST", "/oncall/overrides"): {"responder", "admin"},
        ("DELETE", "/oncall/overrides/1"): {"responder", "admin"},
        ("POST", "/ws/tickets"): {"viewer", "responder", "admin"},
        ("GET", "/ws"): {"viewer", "responder", "admin"},
        ("GET", "/runbooks"): {"viewer", "responder", "admin"},
        ("GET", "/runbooks/1"): {"viewer", "responder", "admin"},
        ("POST", "/runbooks/1/runs"): {"responder", "admin"},
        ("PUT", "/runbooks/switch"): {"responder", "admin"},
        ("GET", "/runbooks/runs"): {"viewer", "responder", "admin"},
        ("GET", "/runbooks/runs/1"): {"viewer", "responder", "admin"},
        ("POST", "/runbooks/runs/1/approve"): {"responder", "admin"},
        ("POST", "/runbooks/runs/1/reject"): {"responder", "admin"},
        ("POST", "/runbooks/runs/1/answer"): {"responder", "admin"},
        ("GET", "/openapi.json"): {"viewer", "ingest", "responder", "admin"},
        ("GET", "/docs"): {"viewer", "ingest", "responder", "admin"},
    }
    for (method, path), roles in allowed.items():
        assert desk.call(method, path, role=None).status_code == 401, path
        for role in ("ingest", "viewer", "responder", "admin", "alertmanager"):
            refused = desk.call(method, path, role).status_code == 403
            assert refused == (role not in roles), (method, path, role)
    routes = {
        (method, re.sub(r"<[^>]+>", "1", rule.rule))
        for rule in desk.receiver.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
    }
    tested = {(method, f"/api/monitoring{path}") for method, path in allowed}
    assert routes == tested, "a new route belongs into this matrix"
