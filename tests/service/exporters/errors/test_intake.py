"""Batches, repeats and refusals over the wire, on both databases."""

import threading
from typing import Any

from tests.error_desk import ErrorDesk, harmless, lost_photo
from tests.fakes import FakeAlertmanager
from wedsync_core.web.auth import Role

EVENT = "0af7651916cd43dd8448eb211c80319c"


def test_a_repeat_is_answered_as_the_first_time_and_counted_once(saturday_desk: ErrorDesk) -> None:
    first = saturday_desk.report(event_id=EVENT)
    again = saturday_desk.report(event_id=EVENT, message="told differently")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json() | {"duplicate": False}
    assert again.get_json()["duplicate"] is True
    assert first.get_json()["errorId"] == EVENT
    assert saturday_desk.get()["total"] == 1
    assert saturday_desk.get("/groups")["groups"][0]["occurrences"] == 1
    labels = {"level": "api", "service": "photos", "severity": "critical"}
    assert saturday_desk.metric("wedsync_errors_total", labels) == 1


def test_a_repeat_after_the_day_keeps_the_day_s_severity(tuesday_desk: ErrorDesk) -> None:
    told = tuesday_desk.report(event_id=EVENT).get_json()
    tuesday_desk.clock.advance(seconds=4 * 86_400)  # Saturday
    again = tuesday_desk.report(event_id=EVENT).get_json()
    assert (told["severity"], again["severity"]) == ("high", "high")


def test_a_batch_is_answered_item_by_item_and_one_bad_item_loses_no_other(saturday_desk: ErrorDesk) -> None:
    batch = [lost_photo(event_id=EVENT), {"level": "api"}, harmless(), lost_photo(event_id=EVENT), 7]
    answer = saturday_desk.report({"errors": batch})
    told = answer.get_json()
    assert answer.status_code == 201
    assert [item["status"] for item in told["results"]] == ["stored", "refused", "stored", "duplicate", "refused"]
    assert [item["index"] for item in told["results"]] == [0, 1, 2, 3, 4]
    assert (told["recorded"], told["refused"]) == (3, 2)
    assert told["results"][0]["errorId"] == told["results"][3]["errorId"] == EVENT
    assert told["results"][1]["problem"]["errors"] == [
        {"field": "errors.1.error_type", "message": "Field required"},
        {"field": "errors.1.service", "message": "Field required"},
    ]
    assert saturday_desk.get()["total"] == 2
    assert saturday_desk.metric("wedsync_error_reports_refused_total", {"reason": "invalid"}) == 2


def test_a_batch_of_nothing_new_is_200(saturday_desk: ErrorDesk) -> None:
    saturday_desk.report(event_id=EVENT)
    assert saturday_desk.report([lost_photo(event_id=EVENT)]).status_code == 200
    refused = saturday_desk.report([{}])
    assert (refused.status_code, refused.get_json()["refused"]) == (200, 1)


def test_a_single_bad_report_is_a_problem_that_names_the_field(saturday_desk: ErrorDesk) -> None:
    answer = saturday_desk.report(level="backend")
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert answer.get_json()["errors"][0]["field"] == "level"
    assert answer.get_json()["retryable"] is False


def test_only_an_ingest_token_may_report(saturday_desk: ErrorDesk) -> None:
    assert saturday_desk.report(role=None).status_code == 401
    assert saturday_desk.report(role=Role.VIEWER).status_code == 403
    assert saturday_desk.call("GET", "", Role.INGEST).status_code == 403
    assert saturday_desk.call("GET", "/groups", None).status_code == 401


def test_two_reports_of_one_event_at_once_are_one(saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    answers: list[Any] = []
    starting = threading.Barrier(6)

    def send() -> None:
        starting.wait()
        answers.append(saturday_desk.report(event_id=EVENT))

    senders = [threading.Thread(target=send) for _ in range(6)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.get_json()["severity"] for answer in answers}) == 1
    assert saturday_desk.get()["total"] == 1
    saturday_desk.poster.turn()
    assert "(1 report since" in alertmanager.alerts[0]["annotations"]["description"]


def test_batches_that_cross_do_not_wait_for_each_other_for_ever(saturday_desk: ErrorDesk) -> None:
    kinds = [lost_photo(error_type=f"Lost{number}") for number in range(12)]
    answers: list[int] = []
    starting = threading.Barrier(4)

    def send(order: list[dict[str, Any]]) -> None:
        starting.wait()
        answers.extend(saturday_desk.report({"errors": order}).status_code for _ in range(5))

    senders = [threading.Thread(target=send, args=(kinds[turn:] + kinds[:turn],)) for turn in (0, 3, 6, 9)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert answers == [201] * 20
    assert saturday_desk.get()["total"] == 4 * 5 * 12
    assert {group["occurrences"] for group in saturday_desk.get("/groups")["groups"]} == {20}


def test_nothing_is_promised_that_is_not_on_disk(saturday_desk: ErrorDesk) -> None:
    saturday_desk.database.close()
    saturday_desk.database.engine = _NoEngine()  # type: ignore[assignment] # a database that went away
    answer = saturday_desk.report()
    assert answer.status_code == 503
    assert answer.get_json()["retryable"] is True


class _NoEngine:
    def begin(self) -> Any:
        raise TimeoutError

    connect = begin

    def dispose(self) -> None:
        """Let the desk close."""


def test_a_service_that_nobody_named_is_other_in_every_label(
    saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    saturday_desk.report(service="evil{label}", region="nowhere", affects=["photo_upload", "gallery"])
    saturday_desk.poster.turn()
    labels = alertmanager.alerts[0]["labels"]
    assert (labels["service"], labels["region"], labels["affects"]) == ("other", "other", "photo_upload")
    counted = {"level": "api", "service": "other", "severity": "critical"}
    assert saturday_desk.metric("wedsync_errors_total", counted) == 1
