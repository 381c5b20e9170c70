"""What Alertmanager sends is kept and read, whatever is in it."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cast import SATURDAY
from tests.receiver import Desk, alert, webhook
from webhook_receiver.alerts.backlog import Backlog
from webhook_receiver.alerts.processing import Processing
from wedsync_core.problems import Unavailable

UPLOADS: dict[str, Any] = {
    "severity": "critical",
    "service": "photos",
    "type": "service_failure",
    "affects": "photo_upload",
}


@pytest.mark.parametrize(
    "extra",
    [
        {},  # 0.25 sends no more than the keys of version 4
        {"notification_reason": "repeat interval elapsed"},  # since 0.32
        {"notification_reason": "first notification", "routeLabels": {"team": "platform"}},  # since 0.34
        {"something_of_2030": {"nested": [1, 2]}},
    ],
    ids=["0.25", "0.32", "0.34", "later"],
)
def test_messages_of_every_version_are_taken(saturday_desk: Desk, extra: dict[str, Any]) -> None:
    message = webhook(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    del message["notification_reason"]

    answer = saturday_desk.post("/alertmanager", {**message, **extra}, role="alertmanager")

    assert (answer.status_code, answer.get_json()["outcome"]) == (200, "accepted")
    assert len(saturday_desk.get("/incidents/active")) == 1


POISON: list[Any] = [
    "not an object",
    None,
    {"status": "firing", "annotations": {}},
    {"status": "firing", "labels": {}},
    {"status": "smouldering", "labels": {"alertname": "X"}},
    {"status": "firing", "labels": ["alertname"]},
    {"status": "firing", "labels": {"alertname": "X"}, "annotations": 7},
]


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: json.dumps(poison)[:40])
def test_one_poison_alert_costs_none_of_the_others(saturday_desk: Desk, poison: Any) -> None:
    desk = saturday_desk
    good = [alert(starts_at=SATURDAY, service=f"service-{number}") for number in range(5)]

    answer = desk.alerts(*good[:3], poison, *good[3:])

    assert answer.status_code == 200
    assert answer.get_json() == {"outcome": "quarantined", "alerts": 6, "quarantined": 1}
    about_it, *others = desk.get("/incidents/active")
    assert {incident["service"] for incident in others} == {f"service-{number}" for number in range(5)}
    assert (about_it["service"], about_it["type"], about_it["severity"]) == (
        "webhook_receiver",
        "monitoring_fault",
        "high",
    )
    assert desk.metric("wedsync_alerts_quarantined") == 1
    assert desk.metric("wedsync_webhook_requests_total", outcome="quarantined") == 1
    desk.turn()
    told = [envelope for envelope in desk.pager.envelopes if "could not be understood" in envelope.page.subject]
    assert [envelope.person for envelope in told] == ["noor"], "somebody is told directly, whatever Prometheus does"

    desk.alerts(poison)
    desk.turn()
    assert len(desk.get("/incidents/active")) == 6, "one incident for all that cannot be understood"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b'{"version":"3","alerts":[]}',
        b'{"version":"4"}',
        b'{"version":"4","alerts":{"a":1}}',
        b"[" * 100_000,
        b'{"version":"4","alerts":[NaN]}',
        b'{"version":"4","alerts":[1e400]}',
        b"\xff\xfe",
        b'{"version":"4","version":"4","alerts":[]}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_message_nobody_understands_is_kept_aside_and_not_asked_for_again(saturday_desk: Desk, body: bytes) -> None:
    answer = saturday_desk.call("POST", "/alertmanager", "alertmanager", data=body)

    assert (answer.status_code, answer.get_json()["outcome"]) == (200, "quarantined")
    assert saturday_desk.metric("wedsync_alerts_quarantined") == 1


def test_odd_text_in_labels_becomes_storable_and_pages_all_the_same(saturday_desk: Desk) -> None:
    desk = saturday_desk
    odd = alert(starts_at=SATURDAY, region="london", **UPLOADS, note="nul \x00 and lone \ud800 and \u202e turned")
    body = json.dumps(webhook(odd)).encode()

    assert desk.call("POST", "/alertmanager", "alertmanager", data=body).status_code == 200
    desk.turn()

    assert desk.pager.people() == ["ines", "noor"]
    (episode,) = desk.get("/incidents/1")["alerts"]
    assert episode["labels"]["note"] == "nul \ufffd and lone \ufffd and \u202e turned"


def test_secrets_in_an_annotation_reach_neither_the_store_nor_the_page(saturday_desk: Desk) -> None:
    desk = saturday_desk
    summary = "Provider refused: Authorization: Bearer abcdef1234567890abcdef for amara@okafor.example"
    desk.alerts(alert(starts_at=SATURDAY, region="london", summary=summary, **UPLOADS))
    desk.turn()

    everything = json.dumps(desk.get("/incidents/1")) + str(desk.pager.envelopes)
    assert "abcdef1234567890" not in everything
    assert "amara@okafor.example" not in everything


def test_a_start_in_the_future_delays_nothing(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY.replace(year=2027), region="london", **UPLOADS))
    desk.turn()

    assert desk.pager.people() == ["ines", "noor"]


def test_six_hundred_alerts_in_one_message_are_all_recorded(saturday_desk: Desk) -> None:
    desk = saturday_desk
    storm = [alert(starts_at=SATURDAY, severity="warning", service=f"s{number}") for number in range(600)]

    assert desk.alerts(*storm).status_code == 200
    assert desk.metric("wedsync_alerts_waiting") == 600
    desk.receiver.ticker.turn()

    assert desk.metric("wedsync_alerts_waiting") == 0
    assert desk.metric("wedsync_incidents_opened_total", severity="low") == 600
    assert desk.call("GET", "/incidents/active", "viewer").headers["X-Total-Count"] == "600"


def test_without_a_database_the_answer_is_503_and_the_next_try_is_taken(
    saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = saturday_desk
    message = alert(starts_at=SATURDAY, region="london", **UPLOADS)

    def down(**_: Any) -> Any:
        raise Unavailable("the database cannot be used right now")

    with monkeypatch.context() as outage:
        outage.setattr(desk.receiver.database, "write", down)
        refused = desk.alerts(message)
    assert (refused.status_code, refused.get_json()["retryable"]) == (503, True)

    assert desk.alerts(message).status_code == 200
    assert len(desk.get("/incidents/active")) == 1


def test_a_message_kept_by_a_request_that_died_is_processed_by_the_ticker(
    saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = saturday_desk
    storm = [alert(starts_at=SATURDAY, severity="warning", service=f"s{number}") for number in range(60)]
    with monkeypatch.context() as dying:
        dying.setattr(Backlog, "add", lambda *_, **__: None)
        assert desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS), *storm).status_code == 200
    desk.turn()
    assert desk.get("/incidents/active") == []

    desk.clock.advance(seconds=3)
    desk.turn()

    assert len(desk.get("/incidents/active")) == 61
    assert desk.pager.people() == ["ines", "noor"]


def test_a_fault_in_what_was_to_be_done_at_once_costs_no_message(
    saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = saturday_desk
    faults = iter([RuntimeError("a fault of ours")])
    apply = Processing.apply

    def fails_once(*arguments: Any) -> bool:
        for fault in faults:
            raise fault
        return apply(*arguments)

    monkeypatch.setattr(Processing, "apply", fails_once)

    assert desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS)).status_code == 200

    assert len(desk.get("/incidents/active")) == 1


def test_messages_that_come_at_once_are_each_recorded_once(saturday_desk: Desk) -> None:
    desk = saturday_desk
    storm = [webhook(alert(starts_at=SATURDAY, severity="warning", service=f"s{number % 10}")) for number in range(40)]

    with ThreadPoolExecutor(8) as posting:
        answers = list(posting.map(lambda message: desk.post("/alertmanager", message, role="alertmanager"), storm))

    assert {answer.status_code for answer in answers} == {200}
    desk.receiver.ticker.turn()
    assert desk.metric("wedsync_incidents_opened_total", severity="low") == 10
    assert desk.metric("wedsync_alerts_received_total", status="firing") == 40


def test_what_comes_after_a_storm_does_not_overtake_it(saturday_desk: Desk) -> None:
    """The end of an alert that still waits must not be heard before its beginning."""
    desk = saturday_desk
    storm = [alert(starts_at=SATURDAY, severity="warning", service=f"s{number}") for number in range(60)]
    desk.alerts(*storm)
    desk.clock.advance(seconds=30)
    ended = alert(starts_at=SATURDAY, severity="warning", service="s7", status="resolved", ends_at=desk.clock.now())

    assert desk.alerts(ended).status_code == 200
    assert desk.metric("wedsync_alerts_waiting") == 61
    desk.receiver.ticker.turn()

    assert desk.call("GET", "/incidents/active", "viewer").headers["X-Total-Count"] == "59"


def test_a_poison_alert_in_a_storm_costs_none_of_the_others(saturday_desk: Desk) -> None:
    desk = saturday_desk
    storm: list[Any] = [alert(starts_at=SATURDAY, severity="warning", service=f"s{number}") for number in range(100)]
    storm.insert(40, {"status": "smouldering", "labels": {"alertname": "X"}})

    answer = desk.alerts(*storm)
    desk.receiver.ticker.turn()

    assert answer.get_json() == {"outcome": "quarantined", "alerts": 101, "quarantined": 1}
    assert desk.metric("wedsync_alerts_quarantined") == 1
    assert desk.metric("wedsync_incidents_opened_total", severity="low") == 100


def test_what_was_kept_and_cannot_be_processed_is_told_without_the_database(
    saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was answered 200, so that nobody sends it again; what comes now is refused, so that somebody does."""
    desk = saturday_desk
    storm = [alert(starts_at=SATURDAY, severity="warning", service=f"s{number}") for number in range(60)]
    desk.alerts(*storm, alert(starts_at=SATURDAY, region="london", **UPLOADS))

    def locked(*_: Any) -> bool:
        raise Unavailable("somebody holds a lock")

    with monkeypatch.context() as outage:
        outage.setattr(Processing, "apply", locked)
        desk.receiver.ticker.turn()
        assert desk.receiver.watchers.last_resort.work_off() > 0
        assert desk.alerts(alert(starts_at=SATURDAY, severity="warning", service="late")).status_code == 503
    assert desk.pager.people()
    assert desk.metric("wedsync_alerts_waiting") == 61

    desk.receiver.ticker.turn()

    assert desk.metric("wedsync_alerts_waiting") == 0
    assert desk.call("GET", "/incidents/active", "viewer").headers["X-Total-Count"] == "61"
