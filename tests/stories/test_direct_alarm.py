"""The direct alarm with real processes: a real Alertmanager, and exporters that are killed while they take reports."""

import threading
import uuid
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from demo.stack import services
from demo.stack.ground import Ground, Ports
from demo.stack.loopback import free_port
from demo.stack.services import Server
from exporters.alarm.alertmanager import post_over_http
from exporters.alarm.contract import Alarm
from exporters.alarm.decision import LASTS, Outcome, opened, payload
from tests.error_desk import lost_photo, open_error_desk
from tests.fakes import CalmPrometheus, FakeAlertmanager
from tests.waiting import wait_until
from wedsync_core.clock import SystemClock
from wedsync_core.season import Wedding
from wedsync_core.web.auth import Role

pytestmark = pytest.mark.real

KILLS = 4


@pytest.fixture
def real_alertmanager(tmp_path: Path, alertmanager_binary: Path) -> Iterator[str]:
    configuration = tmp_path / "alertmanager.yml"
    configuration.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    server = Server(alertmanager_binary, configuration, free_port(), tmp_path / "alertmanager", tmp_path / "am.log")
    with services.alertmanager(server):
        yield f"http://127.0.0.1:{server.port}"


def test_the_real_alertmanager_takes_the_alarm_of_a_hostile_report(
    real_alertmanager: str, tmp_path: Path, database_url: str
) -> None:
    with open_error_desk(tmp_path, database_url, SystemClock().now(), [real_alertmanager]) as desk:
        hostile = lost_photo(
            error_type="Lost\u202e{}\"'\n", message="\U0001f4a5\ufffd\\ {{ .x }}", service="a{b}", region="?"
        )
        told = desk.report({"errors": [hostile, lost_photo(type="service_failure", service="payment")]}).get_json()
        assert [item["alertTriggered"] for item in told["results"]] == [True, True]
        desk.poster.turn()
        alerts = requests.get(f"{real_alertmanager}/api/v2/alerts", timeout=5).json()
        assert {alert["labels"]["service"] for alert in alerts} == {"other", "payment"}
        assert all(alert["status"]["state"] == "active" for alert in alerts)
        first_ends = {alert["fingerprint"]: alert["endsAt"] for alert in alerts}
        # A minute later the same alerts end a minute later: they are the same to Alertmanager.
        desk.pass_seconds(61)
        alerts = requests.get(f"{real_alertmanager}/api/v2/alerts", timeout=5).json()
        assert {alert["fingerprint"] for alert in alerts} == first_ends.keys()
        assert all(alert["endsAt"] > first_ends[alert["fingerprint"]] for alert in alerts)


def test_what_the_real_alertmanager_says_of_a_bad_label_is_a_refusal(real_alertmanager: str) -> None:
    now = SystemClock().now()
    post = post_over_http()
    for labels in ({}, {"": "x"}):
        bad = payload(opened(Alarm("v1:0", "", labels, {}, 3, now), 1, now), now)
        assert post(real_alertmanager, [bad]).outcome is Outcome.REFUSED


def test_a_group_that_a_person_resolves_ends_its_alarm_and_its_incident(
    tmp_path: Path, alertmanager_binary: Path
) -> None:
    clock = SystemClock()
    ground = Ground(tmp_path, Ports(**{field.name: free_port() for field in fields(Ports)}))
    ground.prepare(clock.now())
    configuration = ground.configuration / "alertmanager" / "alertmanager.yml"
    data, log = ground.folder / "alertmanager", ground.log("alertmanager")
    server = Server(alertmanager_binary, configuration, ground.ports.alertmanager, data, log)
    incidents, headers = f"{ground.url('receiver')}/api/monitoring/incidents", _bearer(ground, "viewer")

    def ask(path: str) -> Any:
        return requests.get(f"{incidents}{path}", headers=headers, timeout=5).json()

    # That a critical incident is over is believed when Prometheus lives and the exporters answer it.
    calm = CalmPrometheus(ground.ports.prometheus)
    with calm, services.alertmanager(server), services.webhook_receiver(ground):
        opened_at = clock.now() - LASTS
        today = Wedding("priya-tom", "Europe/London", opened_at, opened_at + timedelta(hours=1), "london")
        url = f"sqlite:///{tmp_path / 'errors.db'}"
        with open_error_desk(tmp_path, url, opened_at, [ground.url("alertmanager")], weddings=[today]) as desk:
            desk.clock.set(clock.now())
            told = desk.report().get_json()
            assert told["alertTriggered"]
            assert desk.poster.turn() == 1
            wait_until(lambda: bool(ask("/active")))
            (incident,) = ask("/active")
            assert incident["severity"] == "critical"
            assert incident["title"] == "photos: PhotoLost: photo 812 of album 99 is gone"
            desk.clock.set(clock.now())
            answer = desk.call("POST", f"/groups/{told['groupId']}/resolve", Role.RESPONDER)
            assert answer.get_json()["alarmsEnded"] == 1
            desk.poster.turn()
            assert desk.metric("wedsync_alarms_active") == 0
            assert desk.metric("wedsync_alarms_posted_total", {"outcome": "accepted"}) == 2
            wait_until(lambda: ask(f"/{incident['id']}")["status"] == "resolved", 60)
            assert ask(f"/{incident['id']}")["resolved_by"] in {"alertmanager", "reconciler"}
            assert ask("/active") == []


def test_what_was_answered_for_survives_kill_9_and_its_alarm_is_posted(tmp_path: Path) -> None:
    alertmanager = FakeAlertmanager()
    with alertmanager:
        ports = {field.name: free_port() for field in fields(Ports)}
        ground = Ground(tmp_path, Ports(**{**ports, "alertmanager": int(alertmanager.url.rpartition(":")[2])}))
        ground.prepare(SystemClock().now())
        alertmanager.status = 503  # nothing can be posted before the end: only rows carry the alarms over
        answered: list[str] = []
        for _ in range(KILLS):
            answered += _reports_until_killed(ground)
        alertmanager.status = 200
        with services.exporters(ground):
            wait_until(lambda: len({alert["labels"]["group"] for alert in alertmanager.alerts}) == KILLS, 30)
            stored = _stored(ground)
    assert len(answered) > 50
    assert [event for event in answered if event not in stored] == []


def _reports_until_killed(ground: Ground) -> list[str]:
    """Report from three sides, kill the exporters in the middle of it; returns the events that were answered for."""
    answered: list[str] = []
    kind = f"Lost{uuid.uuid4().hex}"
    url, headers = f"{ground.url('exporters')}/api/monitoring/errors", _bearer(ground, "ingest")

    def report() -> None:
        session = requests.Session()
        try:
            while True:
                event = uuid.uuid4().hex
                body = lost_photo(event_id=event, error_type=kind)
                answer = session.post(url, json=body, headers=headers, timeout=10)
                assert answer.status_code == 201, answer.text
                answered.append(event)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):  # before the answer, or within it
            return

    process = services.exporters(ground)
    process.start()
    reporters = [threading.Thread(target=report) for _ in range(3)]
    for reporter in reporters:
        reporter.start()
    enough = len(answered) + 30
    wait_until(lambda: len(answered) >= enough)
    process.kill()
    for reporter in reporters:
        reporter.join()
    return answered


def _stored(ground: Ground) -> set[str]:
    url, headers = f"{ground.url('exporters')}/api/monitoring/errors", _bearer(ground, "viewer")
    stored: set[str] = set()
    cursor = ""
    while True:
        page = requests.get(f"{url}?limit=200{cursor}", headers=headers, timeout=10).json()
        stored |= {error["errorId"] for error in page["errors"]}
        if page["next"] is None:
            return stored
        cursor = f"&cursor={page['next']}"


def _bearer(ground: Ground, role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {(ground.secrets / role).read_text().split()[0]}"}
