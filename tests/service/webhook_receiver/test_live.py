"""The WebSocket of a real receiver: who may listen, what is told, in which order, and that nobody waits."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.fakes import HttpSink, Received
from tests.faults.process import FaultyReceiver, quiet_policy
from tests.faults.provider import InsistentSender, Provider
from tests.receiver import TOKENS, alert
from wedsync_core.clock import SystemClock

CLOCK = SystemClock()
ERRORS = "service_level:wedsync_errors:increase5m"


class RecordingPrometheus(HttpSink):
    """Prometheus with one recorded series; ``value`` is what it is now."""

    def __init__(self) -> None:
        super().__init__(self._say)
        self.value = 1.0
        self.asked_for_series = 0

    def _say(self, request: Received) -> tuple[int, dict[str, str], bytes]:
        series: list[dict[str, Any]] = []
        if "__name__" in request.path:
            self.asked_for_series += 1
            series = [{"metric": {"__name__": ERRORS, "service": "upload"}, "value": [0, str(self.value)]}]
        elif "query_range" not in request.path:
            series = [{"metric": {"alertname": "Watchdog", "alertstate": "firing"}, "value": [0, "1"]}]
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}})
        return 200, {"Content-Type": "application/json"}, body.encode()


class Live:
    """A receiver with its sources, and what listeners do with it."""

    def __init__(self, receiver: FaultyReceiver, prometheus: RecordingPrometheus) -> None:
        self.receiver, self.prometheus = receiver, prometheus
        self.open = ExitStack()
        """The connections of one test."""

    def ticket(self, role: str = "viewer") -> requests.Response:
        headers = {"Authorization": f"Bearer {TOKENS[role]}"}
        return requests.post(f"{self.receiver.url}/api/monitoring/ws/tickets", headers=headers, timeout=10)

    def listen(self, *channels: str, after: int | None = None, **options: Any) -> Listener:
        ticket = self.ticket().json()["ticket"]
        connecting = connect(f"{self.address}?ticket={ticket}", proxy=None, **options)
        listener = Listener(self.open.enter_context(connecting))
        assert listener.next()["type"] == "hello"
        if channels:
            listener.subscribe(*channels, after=after)
        return listener

    @property
    def address(self) -> str:
        return f"ws://127.0.0.1:{self.receiver.port}/api/monitoring/ws"

    def alert(self, title: str) -> str:
        told = alert(title, starts_at=CLOCK.now(), summary=title, severity="critical", service=title)
        InsistentSender(self.receiver.url).alerts(told)
        (incident,) = [one for one in self.get("/incidents/active") if one["title"] == title]
        return str(incident["id"])

    def acknowledge(self, incident: str) -> None:
        InsistentSender(self.receiver.url).post(f"/incidents/{incident}/acknowledge", {"by": "noor"})

    def note(self, incident: str, text: str) -> None:
        InsistentSender(self.receiver.url).post(f"/incidents/{incident}/note", {"by": "noor", "note": text})

    def get(self, path: str) -> Any:
        return self.receiver.get(f"/api/monitoring{path}").json()


class Listener:
    """One client."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def subscribe(self, *channels: str, after: int | None = None) -> None:
        wish: dict[str, Any] = {"type": "subscribe", "channels": list(channels)}
        self.send(wish if after is None else {**wish, "after": after})
        assert self.next()["type"] == "subscribed"

    def send(self, message: Mapping[str, Any]) -> None:
        self.connection.send(json.dumps(message))

    def next(self, seconds: float = 10.0) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.connection.recv(seconds))
        return message

    def until(self, kind: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Everything up to the incident's event of a kind, and that."""
        before: list[dict[str, Any]] = []
        while True:
            message = self.next()
            if message["type"] == "incident" and message["data"]["event"]["kind"] == kind:
                return before, message
            before.append(message)

    def silent(self, seconds: float = 1.0) -> bool:
        try:
            self.next(seconds)
        except TimeoutError:
            return True
        return False


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder: Path = tmp_path_factory.mktemp(f"live-{request.param}")
    prometheus = RecordingPrometheus()

    def change(document: dict[str, Any]) -> None:
        quiet_policy(document)
        document["prometheus"] = {"url": prometheus.url}
        document["receiver"] = {"port": 8082, "public_url": "https://incidents.wedsync.example"}
        document["live"] = {
            "metrics_every": "1s",
            "most_listeners": 600,
            "origins": ["https://planner.wedsync.example"],
        }

    with ExitStack() as held:
        url = f"sqlite:///{folder / 'incidents.sqlite'}"
        if request.param == "postgresql":
            url = held.enter_context(request.getfixturevalue("postgres_cluster").database())
        provider = held.enter_context(Provider())
        prometheus.start()
        held.callback(prometheus.stop)
        receiver = FaultyReceiver(folder, url, provider.url, change=change, armable=False)
        receiver.start()
        held.callback(receiver.kill)
        yield Live(receiver, prometheus)


@pytest.fixture
def live(running: Live) -> Iterator[Live]:
    running.open = ExitStack()
    with running.open:
        yield running


def test_an_alert_reaches_those_who_listen_to_its_severity_or_service_and_nobody_else(live: Live) -> None:
    by_severity, by_service = live.listen("alerts:critical", "alerts:high"), live.listen("alerts:album")
    elsewhere = live.listen("alerts:payment", "incidents:999999")
    incident = live.alert("album")
    for listener in (by_severity, by_service):
        told = listener.next()
        assert told["type"] == "alert"
        assert told["data"]["incidentId"] == incident
        assert told["seq"] > 0
        assert abs(told["timestamp"] - CLOCK.now().timestamp() * 1000) < 60_000
    assert elsewhere.silent()


def test_two_people_see_an_acknowledgement(live: Live) -> None:
    noor, tomasz = live.listen("incidents:all"), live.listen("incidents:all")
    incident = live.alert("two phones")
    live.acknowledge(incident)
    seen = [listener.until("acknowledged")[1] for listener in (noor, tomasz)]
    assert seen[0] == {**seen[1], "timestamp": seen[0]["timestamp"]}
    assert seen[0]["data"]["incident"]["acknowledged_by"] == "noor"


def test_a_return_goes_on_without_a_gap_and_without_a_repeat(live: Live) -> None:
    first = live.listen("incidents:all")
    incident = live.alert("tunnel")
    seq = first.until("opened")[1]["seq"]
    heard = [seq]
    first.connection.close()
    for number in range(5):
        live.note(incident, f"missed {number}")
    again = live.listen(f"incidents:{incident}", after=seq)
    live.note(incident, "heard live")
    notes: list[str] = []
    while "heard live" not in notes:
        message = again.next()
        heard.append(message["seq"])
        if message["data"]["event"]["kind"] == "note":
            notes.append(message["data"]["event"]["detail"]["note"])
    assert notes == [*(f"missed {number}" for number in range(5)), "heard live"]
    assert heard == sorted(set(heard))


def test_a_long_absence_is_made_good_even_where_it_is_more_than_may_wait_unread(live: Live) -> None:
    first = live.listen("incidents:all")
    incident = live.alert("long tunnel")
    seq = first.until("opened")[1]["seq"]
    first.connection.close()
    text = "n" * 1900
    for number in range(450):
        live.note(incident, f"{number} {text}")
    again = live.listen(f"incidents:{incident}", after=seq)
    live.note(incident, "last of all")
    notes: list[str] = []
    while "last" not in notes:
        event = again.next()["data"]["event"]
        if event["kind"] == "note":
            notes.append(event["detail"]["note"].split()[0])
    assert notes == [*map(str, range(450)), "last"]


def test_who_missed_too_much_is_told_to_read_the_present(live: Live) -> None:
    incident = live.alert("long night")
    for number in range(5):
        live.note(incident, str(number))
    listener = live.listen()
    listener.send({"type": "subscribe", "channels": ["incidents:all"], "after": 0})
    assert listener.next()["type"] == "subscribed"
    kinds = {listener.next()["type"]}
    assert kinds <= {"incident", "resync"}


def test_a_metric_is_told_when_it_changes_and_only_while_somebody_listens(live: Live) -> None:
    listener = live.listen("metrics:errors")
    told = listener.next()
    assert told["type"] == "metric_update"
    assert told["data"]["metric"] == ERRORS
    live.prometheus.value += 1
    assert listener.next()["data"]["series"] == [{"labels": {"service": "upload"}, "value": live.prometheus.value}]
    assert listener.silent(2.0), "what has not changed is not told again"
    late = live.listen("metrics:all")
    assert late.next()["data"]["series"][0]["value"] == live.prometheus.value, "who comes later sees the present"
    late.connection.close()
    listener.send({"type": "unsubscribe", "channels": ["metrics:errors"]})
    assert listener.next()["type"] == "unsubscribed"
    threading.Event().wait(1.5)
    asked = live.prometheus.asked_for_series
    threading.Event().wait(2.5)
    assert live.prometheus.asked_for_series == asked


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"type": "subscribe", "channels": ["everything"]}, "channels.0"),
        ({"type": "dance", "channels": ["metrics:all"]}, "type"),
    ],
)
def test_a_wrong_message_is_answered_with_its_field_and_ends_nothing(
    live: Live, message: dict[str, Any], field: str
) -> None:
    listener = live.listen()
    listener.send(message)
    answer = listener.next()
    assert answer["type"] == "error"
    assert [one["field"] for one in answer["data"]["errors"]] == [field]
    listener.subscribe("incidents:all")


def test_a_ticket_works_once_and_only_for_who_may_look(live: Live) -> None:
    ticket = live.ticket().json()["ticket"]
    with connect(f"{live.address}?ticket={ticket}", proxy=None):
        pass
    for used in (ticket, "never-given", ""):
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{live.address}?ticket={used}", proxy=None)
        assert refused.value.response.status_code == 401
    assert live.ticket("ingest").status_code == 403
    assert live.ticket("alertmanager").status_code == 403


def test_a_program_may_come_with_its_token(live: Live) -> None:
    with connect(live.address, additional_headers={"Authorization": f"Bearer {TOKENS['viewer']}"}, proxy=None) as one:
        assert json.loads(one.recv(10))["type"] == "hello"
    with pytest.raises(InvalidStatus) as refused:
        connect(live.address, additional_headers={"Authorization": f"Bearer {TOKENS['ingest']}"}, proxy=None)
    assert refused.value.response.status_code == 403


def test_only_pages_of_known_origins_may_listen(live: Live) -> None:
    for origin in ("https://incidents.wedsync.example", "https://planner.wedsync.example"):
        live.listen(origin=origin).connection.close()
    with pytest.raises(InvalidStatus) as refused:
        live.listen(origin="https://outsider.example")
    assert refused.value.response.status_code == 403


def test_a_plain_request_is_told_what_is_spoken_here(live: Live) -> None:
    answer = live.receiver.get("/api/monitoring/ws")
    assert answer.status_code == 426
    assert answer.headers["Upgrade"] == "websocket"


def test_who_says_too_much_is_shown_out(live: Live) -> None:
    listener = live.listen()
    for _ in range(21):
        listener.send({"type": "subscribe", "channels": ["incidents:all"]})
    for _ in range(20):
        assert listener.next()["type"] == "subscribed"
    with pytest.raises(ConnectionClosed) as closed:
        listener.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_nobody_waits_for_a_listener_that_has_stopped_reading(live: Live) -> None:
    """It alone is dropped, and what waited for it stays bounded."""
    others = [live.listen("incidents:all") for _ in range(20)]
    _deaf_listener(live)
    before = _resident_bytes(live.receiver.worker)
    incident = live.alert("crowd")
    ended = 'wedsync_live_connections_ended_total{reason="slow"}'
    dropped = live.receiver.metric(ended)
    sent = 0
    while live.receiver.metric(ended) == dropped:
        live.note(incident, f"{sent} {'n' * 1900}")
        sent += 1
        assert sent < 1500, "a listener that reads nothing is never dropped"
    live.acknowledge(incident)
    for one in others:
        passed, _ = one.until("acknowledged")
        notes = [told for told in passed if told["data"].get("event", {}).get("kind") == "note"]
        assert len(notes) == sent
    assert _resident_bytes(live.receiver.worker) - before < 100 * 1024 * 1024


def _deaf_listener(live: Live) -> None:
    """Listens to everything, reads nothing, and has room for little."""
    room = socket.create_connection(("127.0.0.1", live.receiver.port))
    room.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    ticket = live.ticket().json()["ticket"]
    connecting = connect(f"{live.address}?ticket={ticket}", sock=room, proxy=None, max_queue=1, close_timeout=1)
    Listener(live.open.enter_context(connecting)).send({"type": "subscribe", "channels": ["incidents:all"]})


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096
