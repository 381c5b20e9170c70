"""Noor silences what she knows of, from the incident, in the real Alertmanager."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.stack import loopback, services
from demo.stack.ground import Ground, Ports
from demo.stack.processes import Stack
from demo.stack.services import Server
from tests.cast import SATURDAY
from tests.receiver import TOKENS, Phone, alert, calendar_of, receiver_settings, webhook
from tests.waiting import wait_until
from webhook_receiver.app import Receiver, build_receiver
from wedsync_core.clock import SystemClock

pytestmark = pytest.mark.real

API = "/api/monitoring"


@pytest.fixture
def alertmanager_port(tmp_path: Path, alertmanager_binary: Path) -> Iterator[int]:
    ground = Ground(tmp_path / "ground", Ports(*(loopback.free_port() for _ in range(6))))
    ground.prepare(SATURDAY)
    server = Server(
        program=alertmanager_binary,
        configuration=ground.configuration / "alertmanager" / "alertmanager.yml",
        port=ground.ports.alertmanager,
        data=ground.folder / "alertmanager",
        log=ground.log("alertmanager"),
    )
    with Stack(print) as stack:
        stack.start(services.alertmanager(server))
        yield ground.ports.alertmanager


@pytest.fixture
def receiver(tmp_path: Path, alertmanager_port: int) -> Iterator[Receiver]:
    changes = {"WEDSYNC__ALERTMANAGER__URLS": f"[http://127.0.0.1:{alertmanager_port}]"}
    settings = receiver_settings(tmp_path, f"sqlite:///{tmp_path / 'incidents.db'}", changes)
    phones = {"pager": Phone(), "console": Phone()}
    built = build_receiver(settings, calendar=calendar_of(settings), channels=dict(phones))
    yield built
    built.stop()


def ask(port: int, method: str, path: str, body: Any = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse().read()
    connection.close()
    return json.loads(answer or b"null")


def test_a_silence_from_an_incident_holds_back_its_alert_until_it_is_ended(
    receiver: Receiver, alertmanager_port: int
) -> None:
    client = receiver.app.test_client()

    def call(method: str, path: str, body: Any = None, role: str = "responder") -> Any:
        headers = {"Authorization": f"Bearer {TOKENS[role]}"}
        answer = client.open(API + path, method=method, json=body, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.get_json()

    def held() -> dict[str, Any]:
        (one,) = ask(alertmanager_port, "GET", "/api/v2/alerts")
        shown: dict[str, Any] = one
        return shown

    labels: dict[str, Any] = {
        "severity": "warning",
        "service": "photos",
        "region": "london",
        "note": 'a "quoted" word, and more',
    }
    slow = alert("WorkflowSlow", starts_at=SystemClock().now(), **labels)
    ask(alertmanager_port, "POST", "/api/v2/alerts", [{"labels": slow["labels"]}])
    slow["fingerprint"] = held()["fingerprint"]
    call("POST", "/alertmanager", webhook(slow), role="alertmanager")

    made = call("POST", "/incidents/1/silences", {"duration": "1h", "comment": "the disks are on their way"})
    wait_until(lambda: held()["status"]["silencedBy"] == made["silenceIds"])
    (shown,) = call("GET", "/incidents/1/silences")
    assert (shown["id"], shown["state"]) == (made["silenceIds"][0], "active")

    call("DELETE", f"/silences/{shown['id']}")
    wait_until(lambda: held()["status"]["state"] == "active")
    assert call("GET", "/incidents/1/silences") == []
    kinds = [update["kind"] for update in call("GET", "/incidents/1")["updates"]]
    assert kinds[:2] == ["silence_ended", "silenced"]
