"""Priya uploads and her photos are lost. On their Saturday somebody must know within the second."""

from tests.error_desk import ErrorDesk, harmless, lost_photo
from tests.fakes import FakeAlertmanager
from wedsync_core.clock import format_timestamp


def test_on_a_saturday_it_is_critical_and_posted_within_the_same_second(
    saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    happened = format_timestamp(saturday_desk.clock.now())
    answer = saturday_desk.report(user_context={"user_id": "priya"}, timestamp=happened)

    assert answer.status_code == 201
    told = answer.get_json()
    assert (told["severity"], told["alertTriggered"]) == ("critical", True)
    assert told["rule"] == "wedding_workflow_on_wedding_day"
    assert len(told["errorId"]) == 32

    assert saturday_desk.poster.turn() == 1
    [alert] = alertmanager.alerts
    assert alert["labels"] == {
        "alertname": "CriticalErrorReported",
        "severity": "critical",
        "service": "photos",
        "type": "data_loss",
        "affects": "photo_upload",
        "region": "london",
        "source": "ingest",
        "group": saturday_desk.get("/groups")["groups"][0]["fingerprint"].removeprefix("v2:")[:16],
    }
    assert alert["startsAt"] == happened
    assert alert["endsAt"] == "2026-06-13T14:05:00.000Z"
    assert alert["annotations"]["summary"] == "photos: PhotoLost: photo 812 of album 99 is gone"
    assert alert["annotations"]["runbook_url"].endswith("docs/runbooks/CriticalErrorReported.md")
    assert "1 report since" in alert["annotations"]["description"]
    assert saturday_desk.metric("wedsync_alarms_posted_total", {"outcome": "accepted"}) == 1
    labels = {"level": "api", "service": "photos", "severity": "critical"}
    assert saturday_desk.metric("wedsync_errors_total", labels) == 1


def test_on_a_tuesday_in_january_it_is_high(tuesday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    told = tuesday_desk.report().get_json()
    assert (told["severity"], told["alertTriggered"], told["rule"]) == ("high", True, "uploads_lost")
    tuesday_desk.poster.turn()
    assert [alert["labels"]["severity"] for alert in alertmanager.alerts] == ["warning"]


def test_a_harmless_error_is_low_and_disturbs_nobody(saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    told = saturday_desk.report(harmless()).get_json()
    assert (told["severity"], told["alertTriggered"]) == ("low", False)
    assert saturday_desk.poster.turn() == 0
    assert alertmanager.received == []


def test_a_failing_service_that_names_no_workflow_affects_those_it_carries(saturday_desk: ErrorDesk) -> None:
    told = saturday_desk.report(lost_photo(type="service_failure", affects=None)).get_json()
    assert told["severity"] == "critical"


def test_the_region_s_own_saturday_counts(tuesday_desk: ErrorDesk) -> None:
    # Friday 20:00 in London is Saturday 07:00 in Sydney, in January: nobody's peak season in London.
    tuesday_desk.clock.advance(seconds=(3 * 24 + 10) * 3600)
    assert tuesday_desk.report(region="sydney").get_json()["severity"] == "critical"
    assert tuesday_desk.report(region="london").get_json()["severity"] == "high"
    assert tuesday_desk.report(region="atlantis").get_json()["severity"] == "critical", "unknown may be anywhere"
    assert tuesday_desk.report(region=None).get_json()["severity"] == "critical", "no region may be anywhere"


def test_many_affected_users_raise_the_severity_one_level(tuesday_desk: ErrorDesk) -> None:
    reports = [harmless(user_context={"user_id": number}) for number in range(99)]
    assert tuesday_desk.report({"errors": reports}).get_json()["results"][-1]["severity"] == "low"
    told = tuesday_desk.report(harmless(user_context={"user_id": 99})).get_json()
    assert told["severity"] == "medium"
    assert "100 users affected" in " ".join(told["reasons"])
    # The same person again is no more than one.
    tuesday_desk.clock.advance(seconds=3 * 3600)
    assert tuesday_desk.report(harmless(user_context={"user_id": 99})).get_json()["severity"] == "low"
