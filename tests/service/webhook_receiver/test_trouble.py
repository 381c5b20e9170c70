"""Messages too large, faults of our own, a database that is held: nothing is refused for good, nothing is lost."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.cast import SATURDAY
from tests.receiver import TOKENS, Desk, alert, open_desk, webhook
from webhook_receiver.alerts import processing, store
from webhook_receiver.alerts.api import LARGEST_MESSAGE
from webhook_receiver.alerts.batches import Batches
from webhook_receiver.alerts.together import Together
from wedsync_core.clock import SystemClock
from wedsync_core.storage import Busy, Database

UPLOADS: dict[str, Any] = {
    "severity": "critical",
    "service": "photos",
    "type": "service_failure",
    "affects": "photo_upload",
    "region": "london",
}


def titles(desk: Desk) -> list[str]:
    return [incident["title"] for incident in desk.get("/incidents/active")]


def test_a_message_too_large_is_taken_told_of_and_asked_for(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.turn()
    fired = alert(starts_at=SATURDAY, **UPLOADS)
    desk.upstream.alertmanager.hold(fired)
    desk.clock.advance(seconds=46)
    body = json.dumps(webhook(fired)).encode() + b" " * LARGEST_MESSAGE

    answer = desk.call("POST", "/alertmanager", "alertmanager", data=body)

    assert (answer.status_code, answer.get_json()["outcome"]) == (200, "oversize"), "a 413 would be repeated for ever"
    desk.turn()
    assert sorted(titles(desk)) == [
        "A message from Alertmanager was too large: alerts in it may be missing here",
        "Photo uploads are failing",
    ]
    assert desk.metric("wedsync_webhook_requests_total", outcome="oversize") == 1


def test_the_largest_message_that_is_taken(saturday_desk: Desk) -> None:
    body = json.dumps(webhook(alert(starts_at=SATURDAY, **UPLOADS))).encode()
    body += b" " * (LARGEST_MESSAGE - len(body))

    answer = saturday_desk.call("POST", "/alertmanager", "alertmanager", data=body)

    assert (answer.status_code, answer.get_json()["outcome"]) == (200, "accepted")


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Services whose alerts our own code fails at."""
    services: list[str] = []
    real = Together.hear

    def hear(self: Together, sighting: Any, *rest: Any) -> Any:
        if sighting.labels.get("service") in services:
            raise ZeroDivisionError
        return real(self, sighting, *rest)

    monkeypatch.setattr(Together, "hear", hear)
    return services


def test_an_alert_that_our_own_fault_stops_costs_none_of_the_others(saturday_desk: Desk, fault: list[str]) -> None:
    desk = saturday_desk
    fault.append("cursed")
    storm = [alert(starts_at=SATURDAY, severity="warning", service=f"s{number}") for number in range(20)]
    storm.insert(7, alert(starts_at=SATURDAY, severity="warning", service="cursed"))

    answer = desk.alerts(*storm)

    assert answer.status_code == 200
    assert answer.get_json() == {"outcome": "quarantined", "alerts": 21, "quarantined": 1}
    assert len(desk.get("/incidents/active")) == 21, "twenty, and the one that tells of it"
    assert desk.metric("wedsync_alert_processing_failures_total", of="alert") == 1


def test_a_message_that_our_own_fault_stops_is_tried_again_set_aside_and_told_of(
    saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = saturday_desk

    def fails(placed: Sequence[Any], _size: int) -> Iterator[Sequence[Any]]:
        if placed:
            raise ZeroDivisionError
        return iter(())

    def together(_self: object, _reading: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(processing, "pieces", fails)
        broken.setattr(Batches, "do", together)
        broken.setattr(processing.Processing, "_end_messages", lambda *_: together(None, None))
        message = webhook(alert(starts_at=SATURDAY, **UPLOADS))
        answer = desk.post("/alertmanager", message, role="alertmanager")
        assert (answer.status_code, answer.get_json()["outcome"]) == (200, "postponed"), "it is kept"
        desk.pass_minutes(1.5)

    assert "Alerts could not be understood and were set aside: nobody is paged about them" in titles(desk)
    assert desk.metric("wedsync_alerts_quarantined") == 1
    assert desk.metric("wedsync_alert_processing_failures_total", of="message") == processing.MOST_TRIES


def test_a_message_in_hand_at_kill_after_kill_is_paged_in_the_end(saturday_desk: Desk) -> None:
    desk = saturday_desk
    message = webhook(alert(starts_at=SATURDAY, **UPLOADS))
    desk.upstream.sent(message)
    body = json.dumps(message).encode()
    with desk.receiver.database.write() as transaction:
        inbox_id = store.keep_message(transaction, body, SATURDAY)
        for _ in range(processing.MOST_TRIES - 2):
            store.count_tries(transaction, [inbox_id])
    desk.pass_minutes(1)

    assert "Photo uploads are failing" in titles(desk)
    assert desk.metric("wedsync_alerts_quarantined") == 0


def test_a_busy_database_costs_a_kept_message_no_try(saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = saturday_desk

    def busy(*_: object) -> None:
        raise Busy("the database is busy")

    message = webhook(alert(starts_at=SATURDAY, **UPLOADS))
    desk.upstream.sent(message)
    body = json.dumps(message).encode()
    with desk.receiver.database.write() as transaction:
        inbox_id = store.keep_message(transaction, body, SATURDAY)
        store.count_tries(transaction, [inbox_id])
    with monkeypatch.context() as broken:
        broken.setattr(processing.Processing, "apply", busy)
        for _ in range(60):
            desk.clock.advance(seconds=10)
            desk.receiver.ticker.turn()
    desk.pass_minutes(1)

    assert "Photo uploads are failing" in titles(desk)


def test_a_held_database_is_told_within_two_seconds(saturday_desk: Desk, database_url: str) -> None:
    desk, clock = saturday_desk, SystemClock()
    message = alert(starts_at=SATURDAY, **UPLOADS)
    with held(database_url):
        begun = clock.monotonic()
        answer = desk.alerts(message)
        took = clock.monotonic() - begun
    assert (answer.status_code, answer.get_json()["retryable"]) == (503, True)
    assert took < 4, "the promise is two; a busy machine gets as long again"

    assert desk.alerts(message).status_code == 200
    assert len(desk.get("/incidents/active")) == 1


def test_a_writer_of_our_own_that_takes_long_is_not_waited_for(tmp_path: Path) -> None:
    """On SQLite, where the writers of a process queue."""
    release, holding = threading.Event(), threading.Event()
    with open_desk(tmp_path, f"sqlite:///{tmp_path / 'incidents.db'}", SATURDAY, {}) as desk:

        def hold() -> None:
            with desk.receiver.database.write():
                holding.set()
                release.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        holding.wait(10)
        answer = desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
        release.set()
        holder.join()

    assert answer.status_code == 503


class held:  # noqa: N801 - reads as what it does
    """A database that somebody else has locked."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        if self._url.startswith("sqlite"):
            self._sqlite = sqlite3.connect(self._url.removeprefix("sqlite:///"), isolation_level=None)
            self._sqlite.execute("BEGIN EXCLUSIVE")
            return
        self._database = Database(self._url)
        self._connection = self._database.engine.connect()
        self._connection.execute(text("LOCK TABLE inbox IN ACCESS EXCLUSIVE MODE"))

    def __exit__(self, *_: object) -> None:
        if self._url.startswith("sqlite"):
            self._sqlite.close()
            return
        self._connection.close()
        self._database.close()


def test_both_live_credentials_work_while_one_is_being_replaced(saturday_desk: Desk, tmp_path: Path) -> None:
    desk = saturday_desk
    before, after = TOKENS["alertmanager"], "the-next-alertmanager-token"
    (tmp_path / "secrets" / "alertmanager").write_text(f"{after}\n{before}\n")
    body = webhook(alert(starts_at=SATURDAY, **UPLOADS))

    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return desk.call("POST", "/alertmanager", None, json=body, headers=headers).status_code

    assert (status(before), status(after), status("another-token-altogether")) == (200, 200, 401)
    (tmp_path / "secrets" / "alertmanager").write_text(f"{after}\n")
    assert (status(before), status(after)) == (401, 200)
