"""Alertmanager's silences, seen and made from an incident."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cast import TUESDAY
from tests.receiver import Desk, alert
from wedsync_core.clock import format_timestamp

SLOW: dict[str, Any] = {"severity": "warning", "service": "photos", "type": "performance_degradation"}
ASKED = {"duration": "2h", "comment": "the new disks are on their way"}


def incident_of(desk: Desk, *alerts: dict[str, Any]) -> str:
    desk.alerts(*alerts)
    desk.turn()
    (incident,) = desk.get("/incidents/active")
    return str(incident["id"])


def slow(region: str = "london") -> dict[str, Any]:
    return alert("WorkflowSlow", starts_at=TUESDAY, region=region, **SLOW)


def test_an_incident_is_silenced_by_all_the_labels_of_its_alert_and_the_log_says_who(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    incident_id = incident_of(desk, slow())
    answer = desk.post(f"/incidents/{incident_id}/silences", {**ASKED, "by": "noor"})
    assert answer.status_code == 201, answer.text
    assert answer.get_json() == {
        "silenced": True,
        "silenceIds": ["silence-1"],
        "endsAt": format_timestamp(TUESDAY + timedelta(hours=2)),
    }
    silence = desk.upstream.alertmanager.known_silences["silence-1"]
    assert {matcher.name: matcher.value for matcher in silence.matchers} == slow()["labels"]
    assert all(matcher.is_equal and not matcher.is_regex for matcher in silence.matchers)
    assert silence.created_by == "noor"
    newest = desk.get(f"/incidents/{incident_id}")["updates"][0]
    assert (newest["kind"], newest["actor"]) == ("silenced", "noor")
    assert newest["detail"]["silence_ids"] == ["silence-1"]


def test_the_silences_of_an_incident_are_those_that_hold_back_its_alerts(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    incident_id = incident_of(desk, slow())
    desk.post(f"/incidents/{incident_id}/silences", ASKED)
    assert desk.get(f"/incidents/{incident_id}/silences") == [], "Alertmanager has not applied it yet"
    desk.upstream.alertmanager.suppress(slow(), silenced_by=("silence-1",))
    (shown,) = desk.get(f"/incidents/{incident_id}/silences")
    assert (shown["id"], shown["state"], shown["comment"]) == ("silence-1", "active", ASKED["comment"])
    assert [silence["id"] for silence in desk.get("/silences")] == ["silence-1"]


def test_a_silence_is_ended_and_the_log_says_so(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    incident_id = incident_of(desk, slow())
    desk.post(f"/incidents/{incident_id}/silences", ASKED)
    desk.upstream.alertmanager.suppress(slow(), silenced_by=("silence-1",))
    assert desk.call("DELETE", "/silences/silence-1").get_json() == {"silenced": False, "silenceId": "silence-1"}
    assert desk.get("/silences") == []
    assert desk.get(f"/incidents/{incident_id}")["updates"][0]["kind"] == "silence_ended"
    assert desk.call("DELETE", "/silences/of-nobody").status_code == 404


def test_own_matchers_are_taken_as_they_are(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    incident_id = incident_of(desk, slow())
    matchers = [{"name": "service", "value": "photos|messaging", "isRegex": True}]
    assert desk.post(f"/incidents/{incident_id}/silences", {**ASKED, "matchers": matchers}).status_code == 201
    (matcher,) = desk.upstream.alertmanager.known_silences["silence-1"].matchers
    assert (matcher.value, matcher.is_regex, matcher.is_equal) == ("photos|messaging", True, True)


def test_trouble_upstream_is_a_503_that_invites_another_try(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    incident_id = incident_of(desk, slow())
    desk.upstream.alertmanager.down = True
    for method, path, body in (
        ("GET", "/silences", None),
        ("GET", f"/incidents/{incident_id}/silences", None),
        ("POST", f"/incidents/{incident_id}/silences", ASKED),
        ("DELETE", "/silences/silence-1", None),
    ):
        answer = desk.call(method, path, json=body)
        assert answer.status_code == 503, f"{method} {path}"
        assert answer.get_json()["retryable"] is True
    assert "silenced" not in [update["kind"] for update in desk.get(f"/incidents/{incident_id}")["updates"]]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"duration": "soon"}, "duration"),
        ({"duration": "0s"}, "duration"),
        ({"duration": "31d"}, "duration"),
        ({"comment": ""}, "comment"),
        ({"matchers": []}, "matchers"),
        ({"matchers": [{"name": "a b", "value": "c"}]}, "matchers.0.name"),
    ],
)
def test_a_wrong_silence_is_refused_by_field(tuesday_desk: Desk, changes: dict[str, Any], field: str) -> None:
    desk = tuesday_desk
    incident_id = incident_of(desk, slow())
    answer = desk.post(f"/incidents/{incident_id}/silences", {**ASKED, **changes})
    assert answer.status_code == 422, answer.text
    assert [problem["field"] for problem in answer.get_json()["errors"]] == [field]
    assert desk.upstream.alertmanager.known_silences == {}


def test_what_alertmanager_refuses_is_refused_here(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    incident_id = incident_of(desk, slow())
    desk.upstream.alertmanager.refuses = "at least one matcher must not match the empty string"
    answer = desk.post(f"/incidents/{incident_id}/silences", ASKED)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "matchers"


def test_silences_are_made_by_responders_and_only_of_incidents_that_exist(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    assert desk.post("/incidents/1/silences", ASKED, role="viewer").status_code == 403
    assert desk.call("DELETE", "/silences/silence-1", "viewer").status_code == 403
    assert desk.post("/incidents/1/silences", ASKED).status_code == 404
    assert desk.call("GET", "/incidents/1/silences").status_code == 404


def test_an_incident_without_a_firing_alert_needs_matchers(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    incident_id = desk.post("/incidents", {"title": "uploads stall"}).get_json()["incidentId"]
    answer = desk.post(f"/incidents/{incident_id}/silences", ASKED)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "matchers"


KEY = {"Idempotency-Key": "phone-7-tap-1"}


def test_a_repeat_with_the_same_key_makes_no_second_silence(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    incident_id = incident_of(desk, slow())
    first = desk.post(f"/incidents/{incident_id}/silences", ASKED, headers=KEY)
    assert (first.status_code, "Idempotent-Replay" in first.headers) == (201, False)
    desk.clock.advance(timedelta(hours=1))
    again = desk.post(f"/incidents/{incident_id}/silences", ASKED, headers=KEY)
    assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")
    assert again.get_json() == first.get_json()
    other = desk.post(f"/incidents/{incident_id}/silences", {**ASKED, "duration": "3h"}, headers=KEY)
    assert other.status_code == 409
    assert list(desk.upstream.alertmanager.known_silences) == ["silence-1"]


def test_a_crash_after_the_call_is_made_good_by_the_repeat(tuesday_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = tuesday_desk
    incident_id = incident_of(desk, slow("london"), slow("sydney"))
    ask = desk.upstream.alertmanager.create_silence

    class PowerCut(BaseException):
        pass

    def cut(*arguments: Any, **options: Any) -> str:
        ask(*arguments, **options)
        raise PowerCut

    with monkeypatch.context() as crashed:
        crashed.setattr(desk.upstream.alertmanager, "create_silence", cut)
        with pytest.raises(PowerCut):
            desk.post(f"/incidents/{incident_id}/silences", ASKED, headers=KEY)
    assert list(desk.upstream.alertmanager.known_silences) == ["silence-1"]

    early = desk.post(f"/incidents/{incident_id}/silences", ASKED, headers=KEY)
    assert (early.status_code, early.get_json()["retryable"]) == (503, True), "perhaps it is still at it"
    desk.clock.advance(timedelta(minutes=2))
    again = desk.post(f"/incidents/{incident_id}/silences", ASKED, headers=KEY)
    assert again.status_code == 201, again.text
    assert again.get_json()["silenceIds"] == ["silence-1", "silence-2"]
    assert again.get_json()["endsAt"] == format_timestamp(TUESDAY + timedelta(hours=2))
    assert len(desk.upstream.alertmanager.known_silences) == 2
    assert desk.get(f"/incidents/{incident_id}")["updates"][0]["detail"]["silence_ids"] == ["silence-1", "silence-2"]


def test_trouble_and_refusals_leave_the_key_free(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    incident_id = incident_of(desk, slow())
    path = f"/incidents/{incident_id}/silences"
    desk.upstream.alertmanager.down = True
    assert desk.post(path, ASKED, headers=KEY).status_code == 503
    desk.upstream.alertmanager.down = False
    desk.upstream.alertmanager.refuses = "at least one matcher must not match the empty string"
    assert desk.post(path, ASKED, headers=KEY).status_code == 422
    desk.upstream.alertmanager.refuses = ""
    assert desk.post(path, ASKED, headers=KEY).status_code == 201
    assert list(desk.upstream.alertmanager.known_silences) == ["silence-1"]


def test_a_key_works_while_the_database_is_free(tuesday_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call of Alertmanager is made with no transaction open: another writer gets its turn meanwhile."""
    desk = tuesday_desk
    incident_id = incident_of(desk, slow())
    ask = desk.upstream.alertmanager.create_silence

    def meanwhile(*arguments: Any, **options: Any) -> str:
        with desk.receiver.database.write(within=1.0):
            return ask(*arguments, **options)

    monkeypatch.setattr(desk.upstream.alertmanager, "create_silence", meanwhile)
    assert desk.post(f"/incidents/{incident_id}/silences", ASKED, headers=KEY).status_code == 201
