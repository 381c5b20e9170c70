"""Alerts of one cause are one incident, its reasons are shown, and nothing is folded in silence."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tests.cast import SATURDAY
from tests.receiver import Desk, alert, open_desk

REGIONS = ("london", "new_york", "los_angeles", "sydney", "auckland")


def uploads(desk: Desk, region: str = "london", **more: Any) -> dict[str, Any]:
    labels = {"severity": "critical", "service": "photos", "type": "service_failure", "affects": "photo_upload"}
    return alert(starts_at=desk.clock.now(), region=region, **{**labels, **more})


def payments(desk: Desk, region: str = "london", **more: Any) -> dict[str, Any]:
    return uploads(desk, region, **{"service": "payment", "affects": "payment", **more})


def provider_down(desk: Desk, **more: Any) -> dict[str, Any]:
    labels = {"severity": "warning", "service": "payment", "type": "service_failure", "dependency": "payment_provider"}
    return alert(
        "ThirdPartyFailing",
        starts_at=desk.clock.now(),
        summary="payment_provider fails for payment",
        **{**labels, "affects": "wedding_workflows", **more},
    )


def ended(desk: Desk, one: dict[str, Any]) -> dict[str, Any]:
    end = desk.clock.now().isoformat().replace("+00:00", "Z")
    return {**one, "status": "resolved", "endsAt": end}


def active(desk: Desk) -> list[dict[str, Any]]:
    return list(desk.get("/incidents/active"))


def reasons(desk: Desk, incident_id: str) -> list[str]:
    return [one["reason"] for one in desk.get(f"/incidents/{incident_id}")["correlation"]]


def test_one_fault_in_five_regions_is_one_incident_and_one_page_each(saturday_desk: Desk) -> None:
    desk = saturday_desk
    for region in REGIONS:
        desk.alerts(uploads(desk, region))
        desk.turn()
        desk.clock.advance(seconds=5)

    (incident,) = active(desk)
    assert incident["regions"] == sorted(REGIONS)
    assert desk.pager.people() == ["ines", "noor"]
    assert reasons(desk, "1") == ["first_alert", *["same_workflow_other_region"] * 4]
    shown = desk.get("/incidents/1")["alerts"]
    assert shown[1]["correlation"]["sentence"] == "photo_upload of photos is affected in another region already: london"
    assert desk.metric("wedsync_alerts_placed_total", reason="same_workflow_other_region") == 4


def test_the_incident_ends_with_its_last_alert(saturday_desk: Desk) -> None:
    desk = saturday_desk
    alerts = [uploads(desk, region) for region in REGIONS]
    desk.alerts(*alerts)
    desk.clock.advance(seconds=60)

    desk.alerts(*[ended(desk, one) for one in alerts[:4]])
    desk.turn()
    assert [one["status"] for one in active(desk)] == ["open"]
    desk.alerts(ended(desk, alerts[4]))
    desk.turn()
    assert active(desk) == []


def test_unrelated_services_are_told_apart(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(uploads(desk), payments(desk), uploads(desk, service="messaging", affects="messaging"))

    assert sorted(one["service"] for one in active(desk)) == ["messaging", "payment", "photos"]


def test_a_fault_that_comes_after_the_window_is_another_incident(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(uploads(desk))
    desk.clock.advance(seconds=601)
    desk.alerts(uploads(desk, "sydney"))

    assert len(active(desk)) == 2


def test_a_direct_alarm_and_the_rules_alert_are_one(saturday_desk: Desk) -> None:
    desk = saturday_desk
    direct = uploads(desk, source="ingest", group="a1b2c3")
    direct["labels"]["alertname"] = "CriticalErrorReported"
    desk.alerts(direct)
    desk.turn()
    desk.clock.advance(seconds=8)
    desk.alerts(uploads(desk))
    desk.turn()

    assert reasons(desk, "1") == ["first_alert", "direct_alarm"]
    assert desk.pager.people() == ["ines", "noor"], "told once"


def test_symptoms_join_the_outage_of_the_third_party_behind_them(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(provider_down(desk))
    desk.clock.advance(seconds=60)
    desk.alerts(payments(desk))

    assert [one["title"] for one in active(desk)] == ["payment_provider fails for payment"]
    assert reasons(desk, "1") == ["first_alert", "third_party_outage"]


def test_the_third_party_found_after_its_symptoms_becomes_their_parent(saturday_desk: Desk) -> None:
    desk = saturday_desk
    symptom, other = payments(desk), uploads(desk)
    desk.alerts(symptom, other)
    desk.turn()
    desk.pass_minutes(4)
    desk.pager.forget()

    desk.alerts(provider_down(desk))
    desk.turn()

    titles = {one["title"]: one for one in active(desk)}
    parent = titles.pop("payment_provider fails for payment")
    assert [one["service"] for one in titles.values()] == ["photos"], "what has another cause stays by itself"
    assert reasons(desk, parent["id"]) == ["third_party_behind", "third_party_behind"]
    (folded,) = desk.get("/incidents?status=resolved")["incidents"]
    assert (folded["service"], folded["merged_into"]) == ("payment", parent["id"])
    assert len(desk.get(f"/incidents/{parent['id']}")["alerts"]) == 2
    assert {page.page.subject.split(" ")[0] for page in desk.pager.envelopes} == {"UPDATE"}
    assert desk.pager.people() == ["ines", "noor"], "those who were told of the symptom learn the cause"

    desk.pager.forget()
    desk.pass_minutes(1)
    told = [page.person for page in desk.pager.envelopes if page.page.incident_id == parent["id"]]
    assert sorted(told) == ["grace", "ines"], "nobody is told later than the symptom's own policy would have"


def test_the_parent_ends_when_symptoms_and_cause_have_ended(saturday_desk: Desk) -> None:
    desk = saturday_desk
    symptom, cause = payments(desk), provider_down(desk)
    desk.alerts(symptom)
    desk.alerts(cause)
    desk.clock.advance(seconds=60)

    desk.alerts(ended(desk, cause))
    desk.turn()
    assert len(active(desk)) == 1
    desk.alerts(ended(desk, symptom))
    desk.turn()
    assert active(desk) == []


def test_a_graver_alert_that_joins_raises_the_incident_and_begins_the_policy_that_applies(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    slow = uploads(desk, severity="warning", type="performance_degradation")
    desk.alerts(slow)
    desk.turn()
    assert (active(desk)[0]["severity"], desk.pager.people()) == ("medium", [])

    desk.alerts(uploads(desk))
    desk.turn()

    shown = desk.get("/incidents/1")
    assert (shown["severity"], shown["escalation_policy"]) == ("high", "standard")
    (raised,) = [one for one in shown["updates"] if one["kind"] == "severity_raised"]
    assert (raised["detail"]["old"], raised["detail"]["new"]) == ("medium", "high")
    assert [page.page.subject.split(" ")[0] for page in desk.pager.envelopes] == ["RAISED"]
    assert desk.pager.people() == ["noor"], "those who were told it was mild are told that it is not"

    desk.pager.forget()
    desk.pass_minutes(10)
    assert desk.pager.people() == ["tomasz"], "and the policy keeps its course"


def test_a_milder_alert_that_joins_lowers_nothing_and_tells_nobody(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(uploads(desk))
    desk.turn()
    desk.pager.forget()

    desk.alerts(uploads(desk, severity="warning", type="performance_degradation", affects="web"))
    desk.turn()

    assert active(desk)[0]["severity"] == "critical"
    assert desk.pager.people() == []


def test_a_critical_alert_that_joins_what_somebody_has_is_told_to_her(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(uploads(desk))
    desk.turn()
    desk.post("/incidents/1/acknowledge", {"by": "noor"})
    desk.pager.forget()

    desk.alerts(uploads(desk, "sydney", summary="Photo uploads are failing in Sydney"))
    desk.turn()

    (page,) = desk.pager.envelopes
    assert (page.person, page.page.subject[:40]) == ("noor", "UPDATE [CRITICAL] Photo uploads are fail")
    assert desk.get("/incidents/1")["status"] == "investigating", "she still has it"

    desk.pager.forget()
    desk.alerts(uploads(desk, "sydney", group="another-error"))
    desk.turn()
    assert desk.pager.people() == [], "no new region, no new workflow: nothing she does not know"


def test_news_for_somebody_unknown_goes_to_those_who_were_told(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(uploads(desk))
    desk.turn()
    desk.post("/incidents/1/acknowledge")  # by a shared token: nobody's name
    desk.pager.forget()

    desk.alerts(uploads(desk, "sydney"))
    desk.turn()

    assert desk.pager.people() == ["ines", "noor"]


def test_a_graver_alert_reopens_what_was_acknowledged(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    desk.alerts(uploads(desk, severity="warning", type="performance_degradation"))
    desk.turn()
    desk.post("/incidents/1/acknowledge", {"by": "noor"})

    desk.alerts(uploads(desk))
    desk.turn()

    assert desk.get("/incidents/1")["status"] == "open"
    assert desk.pager.people() == ["noor"]


def test_an_incident_reported_by_hand_is_left_to_people(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.post("/incidents", {"title": "x", "service": "photos", "affects": ["photo_upload"], "region": "london"})
    one = uploads(desk)
    desk.alerts(one)
    assert len(active(desk)) == 2, "an alert's end must not end what a person opened"

    desk.post("/incidents/2/merge", {"into": "1", "by": "ines"})
    desk.alerts(ended(desk, one))
    desk.turn()
    assert desk.get("/incidents/1")["alerts"][0]["state"] == "resolved"


def test_merging_lasts_for_later_alerts(saturday_desk: Desk) -> None:
    desk = saturday_desk
    photos, messages = uploads(desk), uploads(desk, service="messaging", affects="messaging")
    desk.alerts(photos)
    desk.alerts(messages)
    answer = desk.post("/incidents/2/merge", {"into": "1", "by": "ines", "note": "one rack"})
    assert answer.get_json() == {
        "merged": True,
        "incidentId": "2",
        "mergedInto": "1",
        "severity": "critical",
        "alerts": 2,
    }
    assert desk.get("/incidents/1")["affects"] == ["messaging", "photo_upload"]
    assert desk.get("/incidents/2")["merged_into"] == "1"
    merged = {one["incident_id"] for one in desk.get("/incidents/1/timeline")["timeline"] if one["kind"] == "merged"}
    assert merged == {"1", "2"}, "both logs tell of it"

    desk.clock.advance(seconds=60)
    desk.alerts(ended(desk, photos), ended(desk, messages))
    desk.turn()
    assert active(desk) == []
    desk.clock.advance(seconds=3600)
    desk.alerts({**photos, "startsAt": desk.clock.now().isoformat()})
    desk.clock.advance(seconds=1800)
    desk.alerts({**messages, "startsAt": desk.clock.now().isoformat()})

    (later,) = active(desk)
    assert reasons(desk, later["id"])[-1] == "ruled_together"


def test_splitting_lasts_for_later_alerts(saturday_desk: Desk) -> None:
    desk = saturday_desk
    london, sydney = uploads(desk), uploads(desk, "sydney")
    desk.alerts(london)
    desk.alerts(sydney)
    desk.turn()
    desk.pager.forget()

    answer = desk.post("/incidents/1/split", {"fingerprints": [sydney["fingerprint"]], "by": "ines"})
    desk.turn()

    assert answer.status_code == 201
    assert answer.get_json() == {"split": True, "incidentId": "1", "newIncidentId": "2"}
    assert [(one["id"], one["regions"]) for one in active(desk)] == [("1", ["london"]), ("2", ["sydney"])]
    assert desk.pager.people() == ["ines", "noor"], "a new incident is told"
    assert reasons(desk, "2") == ["split_by_hand"]

    desk.clock.advance(seconds=60)
    desk.alerts(ended(desk, london), ended(desk, sydney))
    desk.turn()
    desk.clock.advance(seconds=3600)
    desk.alerts({**london, "startsAt": desk.clock.now().isoformat()})
    desk.alerts({**sydney, "startsAt": desk.clock.now().isoformat()})
    assert len(active(desk)) == 2


def test_a_merged_incident_takes_no_more_moves(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(uploads(desk))
    desk.alerts(payments(desk))
    desk.post("/incidents/2/merge", {"into": 1})

    for move in ("acknowledge", "resolve", "reopen", "escalate"):
        answer = desk.post(f"/incidents/2/{move}")
        assert (answer.status_code, "was merged into 1" in answer.get_json()["detail"]) == (409, True), move
    assert desk.post("/incidents/2/merge", {"into": 1}).status_code == 409
    assert desk.post("/incidents/1/merge", {"into": 2}).status_code == 409
    assert desk.post("/incidents/2/assign", {"to": "noor"}).status_code == 409


@pytest.mark.parametrize(
    ("move", "body", "status", "field"),
    [
        ("merge", {}, 422, "into"),
        ("merge", {"into": "1"}, 422, "into"),
        ("merge", {"into": "one"}, 422, "into"),
        ("merge", {"into": 0}, 422, "into"),
        ("merge", {"into": 7}, 404, None),
        ("merge", {"into": 2, "why": "x"}, 422, "why"),
        ("split", {}, 422, "fingerprints"),
        ("split", {"fingerprints": []}, 422, "fingerprints"),
        ("split", {"fingerprints": ["LAST"]}, 422, "fingerprints"),
        ("split", {"fingerprints": ["LAST", "nowhere"]}, 422, "fingerprints.1"),
    ],
)
def test_what_cannot_be_merged_or_split_is_refused_by_name(
    saturday_desk: Desk, move: str, body: dict[str, Any], status: int, field: str | None
) -> None:
    desk = saturday_desk
    one = uploads(desk)
    desk.alerts(one)
    desk.alerts(payments(desk))
    if "fingerprints" in body:
        body = {"fingerprints": [one["fingerprint"] if name == "LAST" else name for name in body["fingerprints"]]}

    answer = desk.post(f"/incidents/1/{move}", body)

    assert answer.status_code == status, answer.text
    assert field is None or answer.get_json()["errors"][0]["field"] == field
    assert len(active(desk)) == 2


def test_what_sleeps_through_maintenance_hides_nothing_that_wakes(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    window = {"ends_at": "2026-01-13T20:00:00Z", "match": {"region": "london"}, "up_to": "high", "reason": "new disks"}
    assert desk.post("/maintenance", window).status_code == 201
    desk.alerts(uploads(desk))
    desk.turn()
    assert desk.pager.people() == []

    desk.alerts(uploads(desk, "sydney"))
    desk.turn()

    assert len(active(desk)) == 2
    assert desk.pager.people() == ["noor"]


@pytest.mark.real
def test_two_replicas_open_one_incident_for_one_cause(tmp_path: Path, postgres_database: str) -> None:
    """Each gets an alert of another region at the same moment: both would look and see no incident."""
    with (
        open_desk(tmp_path, postgres_database, SATURDAY, {}) as first,
        open_desk(tmp_path, postgres_database, SATURDAY, {}) as second,
    ):
        for service in ("photos", "messaging", "payment", "booking", "timeline"):
            together = Barrier(2)

            def post(desk: Desk, region: str, service: str = service, together: Barrier = together) -> int:
                one = uploads(desk, region, service=service, affects="timeline")
                together.wait(10)
                return desk.late_alerts(one).status_code

            with ThreadPoolExecutor(2) as threads:
                answers = [threads.submit(post, first, "london"), threads.submit(post, second, "sydney")]
            assert [answer.result() for answer in answers] == [200, 200]

        found = active(first)
        assert sorted(one["service"] for one in found) == ["booking", "messaging", "payment", "photos", "timeline"]
        assert all(one["regions"] == ["london", "sydney"] for one in found)
