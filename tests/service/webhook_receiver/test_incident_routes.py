"""The list, the timeline, and what people do to an incident beside taking it; each write can be repeated safely."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cast import SATURDAY
from tests.receiver import Desk
from wedsync_core.clock import format_timestamp

UPLOADS = {
    "title": "Couples cannot upload photos",
    "service": "photos",
    "affects": ["photo_upload"],
    "region": "london",
}


def opened(desk: Desk, **changes: Any) -> str:
    answer = desk.post("/incidents", {**UPLOADS, **changes})
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["incidentId"])


def ids(desk: Desk, query: str) -> list[str]:
    return [one["id"] for one in desk.get(f"/incidents?{query}")["incidents"]]


def test_the_list_is_paged_the_newest_first(saturday_desk: Desk) -> None:
    desk = saturday_desk
    for _ in range(5):
        opened(desk)

    seen, cursor = [], ""
    for _ in range(4):
        page = desk.get(f"/incidents?limit=2{cursor}")
        seen.append([one["id"] for one in page["incidents"]])
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [["5", "4"], ["3", "2"], ["1"]]


def test_the_list_is_sifted(saturday_desk: Desk) -> None:
    desk = saturday_desk
    opened(desk)
    desk.clock.advance(timedelta(minutes=10))
    opened(desk, service="payment", affects=[], region="sydney")
    desk.clock.advance(timedelta(minutes=10))
    opened(desk, service="search", affects=[], region="new_york")
    desk.post("/incidents/3/resolve")
    desk.post("/incidents/2/acknowledge")
    middle = format_timestamp(SATURDAY + timedelta(minutes=10))

    assert ids(desk, "status=active") == ["2", "1"]
    assert ids(desk, "status=resolved,investigating") == ["3", "2"]
    assert ids(desk, "severity=critical") == ["1"]
    assert ids(desk, "severity=critical,high") == ["2", "1"]
    assert ids(desk, "service=payment") == ["2"]
    assert ids(desk, "region=sydney") == ["2"]
    assert ids(desk, "region=syd") == [], "a region, not a part of its name"
    assert ids(desk, f"from={middle}") == ["3", "2"]
    assert ids(desk, f"to={middle}") == ["1"]
    assert ids(desk, f"from={middle}&region=sydney&status=active") == ["2"]
    assert ids(desk, "service=nobody") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=smouldering", "status"),
        ("severity=apocalyptic", "severity"),
        ("from=yesterday", "from"),
        ("to=2026-06-13T10:00:00", "to"),
        ("from=2026-06-13T10:00:00Z&to=2026-06-13T10:00:00Z", "to"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=-1", "cursor"),
    ],
)
def test_a_wrong_question_is_refused_by_name(saturday_desk: Desk, query: str, field: str) -> None:
    answer = saturday_desk.call("GET", f"/incidents?{query}", "viewer")

    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, field)


def test_the_timeline_tells_the_story_from_its_beginning(saturday_desk: Desk) -> None:
    desk = saturday_desk
    opened(desk)
    desk.turn()
    desk.post("/incidents/1/acknowledge", {"by": "noor"})
    desk.post("/incidents/1/note", {"by": "noor", "note": "disk full on photos-3"})
    desk.post("/incidents/1/resolve", {"by": "noor"})

    story = desk.get("/incidents/1/timeline")
    kinds = [one["kind"] for one in story["timeline"]]
    assert (kinds[0], kinds[1], kinds[-3:]) == ("opened", "escalated", ["acknowledged", "note", "resolved"])
    assert story["timeline"][-2]["detail"] == {"note": "disk full on photos-3"}
    first = desk.get("/incidents/1/timeline?limit=2")
    rest = desk.get(f"/incidents/1/timeline?cursor={first['next']}")
    assert first["timeline"] + rest["timeline"] == story["timeline"]
    assert rest["next"] is None
    assert desk.call("GET", "/incidents/7/timeline", "viewer").status_code == 404


def test_an_incident_is_assigned_to_a_person_who_exists(saturday_desk: Desk) -> None:
    desk = saturday_desk
    opened(desk)
    answer = desk.post("/incidents/1/assign", {"to": "grace", "by": "noor"}).get_json()

    expected = {"id": "grace", "name": "Grace Mbeki", "role": "cto", "contact_info": ["pager", "console"]}
    assert answer == {"assigned": True, "incidentId": "1", "assignedTo": expected}
    assert desk.get("/incidents/active")[0]["assigned_to"] == expected

    stranger = desk.post("/incidents/1/assign", {"to": "nobody"})
    assert (stranger.status_code, stranger.get_json()["errors"][0]["field"]) == (422, "to")
    assert "there is: grace, ines, noor, tomasz" in stranger.get_json()["detail"]
    assert desk.post("/incidents/1/assign", {}).get_json()["errors"][0]["field"] == "to"
    assert desk.post("/incidents/1/assign", {"to": None}).get_json()["assigned"] is False
    assert desk.get("/incidents/1")["assigned_to"] is None
    assert desk.post("/incidents/9/assign", {"to": "noor"}).status_code == 404


def test_a_resolved_incident_is_reopened_and_its_policy_begins_anew(saturday_desk: Desk) -> None:
    desk = saturday_desk
    opened(desk)
    desk.turn()
    assert desk.post("/incidents/1/reopen").status_code == 409
    desk.post("/incidents/1/resolve", {"by": "noor"})
    desk.pager.forget()

    answer = desk.post("/incidents/1/reopen", {"by": "ines", "note": "it is back"})
    desk.turn()

    assert answer.get_json() == {
        "reopened": True,
        "incidentId": "1",
        "status": "open",
        "escalationPolicy": "wedding_day",
    }
    shown = desk.get("/incidents/1")
    assert (shown["resolved_at"], shown["acknowledged_at"], shown["current_escalation_level"]) == (None, None, 1)
    assert desk.pager.people() == ["ines", "noor"]


def test_secrets_in_a_note_are_not_kept(saturday_desk: Desk) -> None:
    desk = saturday_desk
    opened(desk)
    desk.post("/incidents/1/note", {"note": "curl -H 'Authorization: Bearer abcdef1234567890abcdef'"})

    assert "abcdef1234567890" not in str(desk.get("/incidents/1"))
    assert desk.post("/incidents/1/note", {"note": ""}).get_json()["errors"][0]["field"] == "note"
    assert desk.post("/incidents/1/note", {"note": "x", "colour": "red"}).get_json()["errors"][0]["field"] == "colour"


@pytest.mark.parametrize(
    ("move", "body", "events"),
    [
        ("note", {"note": "once"}, "note"),
        ("assign", {"to": "noor"}, "assigned"),
        ("acknowledge", {"by": "noor"}, "acknowledged"),
        ("escalate", {"by": "noor"}, "escalated"),
        ("resolve", {"by": "noor"}, "resolved"),
    ],
)
def test_every_write_with_a_key_happens_once(saturday_desk: Desk, move: str, body: dict[str, Any], events: str) -> None:
    desk = saturday_desk
    opened(desk)
    headers = {"Idempotency-Key": "phone-7-tap-1"}
    path = f"/incidents/1/{move}"
    first = desk.post(path, body, headers=headers)
    again = desk.post(path, body, headers=headers)
    other = desk.post(path, {**body, "by": "somebody else"}, headers=headers)

    assert first.status_code in {200, 201}
    assert (again.get_json(), again.headers["Idempotent-Replay"]) == (first.get_json(), "true")
    assert other.status_code == 409
    assert [one["kind"] for one in desk.get("/incidents/1")["updates"]].count(events) == 1
    assert opened(desk) == "2", "the same key of another write is another key"


def test_a_key_that_is_none_is_refused(saturday_desk: Desk) -> None:
    opened(saturday_desk)
    answer = saturday_desk.post("/incidents/1/note", {"note": "x"}, headers={"Idempotency-Key": "k" * 201})

    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "Idempotency-Key")
