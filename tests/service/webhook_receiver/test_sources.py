"""The questions on the wire: against servers that answer well, badly, slowly, or not at all."""

import itertools
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cast import SATURDAY
from tests.fakes import HttpSink
from webhook_receiver.sources.alertmanager import HttpAlertmanagers
from webhook_receiver.sources.contract import Matcher, SourceRefused, SourceUnavailable
from webhook_receiver.sources.prometheus import MOST_POINTS, STEP, HttpPrometheus
from wedsync_core.clock import format_timestamp

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def first() -> Iterator[HttpSink]:
    with HttpSink() as sink:
        yield sink


@pytest.fixture
def second() -> Iterator[HttpSink]:
    with HttpSink() as sink:
        yield sink


def says(sink: HttpSink, document: Any, status: int = 200) -> None:
    sink.answer = lambda _request: (status, {}, json.dumps(document).encode())


def held(fingerprint: str, *, state: str = "active", updated_at: datetime = SATURDAY, **status: Any) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "labels": {"alertname": "WorkflowFailing", "region": "london"},
        "annotations": {"summary": "s"},
        "startsAt": format_timestamp(SATURDAY),
        "endsAt": format_timestamp(SATURDAY + timedelta(minutes=4)),
        "updatedAt": format_timestamp(updated_at),
        "generatorURL": "http://prometheus:9090/graph",
        "receivers": [{"name": "receiver"}],
        "status": {"state": state, "silencedBy": [], "inhibitedBy": [], **status},
    }


def test_every_state_is_asked_for_and_told(first: HttpSink) -> None:
    says(first, [held("a"), held("b", state="suppressed", silencedBy=["s-1"]), held("c", mutedBy=["night"])])

    alerts = {alert.fingerprint: alert for alert in HttpAlertmanagers([first.url + "/"]).alerts()}

    assert {key: alert.suppressed for key, alert in alerts.items()} == {"a": False, "b": True, "c": True}
    assert alerts["b"].silenced_by == ("s-1",)
    assert alerts["a"].receivers == ("receiver",)
    asked = parse_qs(urlsplit(first.received[0].path).query)
    assert asked == {name: ["true"] for name in ("active", "silenced", "inhibited", "unprocessed")}


def test_a_pair_is_one_and_active_wins(first: HttpSink, second: HttpSink) -> None:
    later = SATURDAY + timedelta(seconds=30)
    says(first, [held("a", state="suppressed", updated_at=later, silencedBy=["s"]), held("b"), held("c")])
    says(second, [held("a"), held("b", updated_at=later)])

    alerts = {alert.fingerprint: alert for alert in HttpAlertmanagers([first.url, second.url]).alerts()}

    assert sorted(alerts) == ["a", "b", "c"]
    assert not alerts["a"].suppressed
    assert alerts["b"].updated_at == later


@pytest.mark.parametrize("broken", ["gone", "500", "no list", "not json", "elsewhere"])
def test_one_that_answers_is_enough_and_none_is_unavailable(first: HttpSink, second: HttpSink, broken: str) -> None:
    says(second, [held("a")])
    answers: dict[str, Any] = {
        "500": 500,
        "no list": lambda _request: (200, {}, b'{"status":"success"}'),
        "not json": lambda _request: (200, {}, b"<html>"),
        "elsewhere": lambda _request: (302, {"Location": second.url}, b""),
    }
    first.answer = answers.get(broken, 200)
    broken_url = NOBODY if broken == "gone" else first.url

    assert len(HttpAlertmanagers([broken_url, second.url]).alerts()) == 1
    with pytest.raises(SourceUnavailable):
        HttpAlertmanagers([broken_url]).alerts()


def test_an_entry_that_cannot_be_read_costs_none_of_the_others(first: HttpSink) -> None:
    says(first, [held("a"), {"labels": 7}, None, {**held("b"), "startsAt": "yesterday"}])

    assert [alert.fingerprint for alert in HttpAlertmanagers([first.url]).alerts()] == ["a"]


def test_a_silence_is_created_read_and_ended(first: HttpSink) -> None:
    silences = HttpAlertmanagers([NOBODY, first.url])
    says(first, {"silenceID": "0c3f"})
    until = SATURDAY + timedelta(hours=1)
    matcher = Matcher("service", "photos")

    assert silences.create_silence([matcher], SATURDAY, until, created_by="noor", comment="deploy") == "0c3f"
    posted = json.loads(first.received[0].body)
    assert posted["matchers"] == [{"name": "service", "value": "photos", "isRegex": False, "isEqual": True}]
    assert (posted["startsAt"], posted["endsAt"]) == (format_timestamp(SATURDAY), format_timestamp(until))

    says(first, [{**posted, "id": "0c3f", "updatedAt": posted["startsAt"], "status": {"state": "active"}}])
    (silence,) = silences.silences()
    assert (silence.silence_id, silence.matchers, silence.ends_at, silence.created_by, silence.state) == (
        "0c3f",
        (matcher,),
        until,
        "noor",
        "active",
    )
    says(first, "no such silence", 404)
    with pytest.raises(SourceRefused, match="404"):
        silences.expire_silence("nobody's")
    with pytest.raises(SourceUnavailable):
        HttpAlertmanagers([NOBODY]).expire_silence("0c3f")


def series(values: list[float], **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": "ALERTS", "alertstate": "firing", **labels}, "values": [[at, "1"] for at in values]}


def result(*found: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "matrix", "result": list(found)}}


def test_what_fires_now_is_told_without_prometheus_own_labels(first: HttpSink) -> None:
    fires = {"metric": {"__name__": "ALERTS", "alertstate": "firing", "alertname": "A"}, "value": [1, "1"]}
    waits = {"metric": {"__name__": "ALERTS", "alertstate": "pending", "alertname": "B"}, "value": [1, "1"]}
    says(first, result(fires, waits))

    alerts = HttpPrometheus(first.url).alerts()

    assert [(alert.labels, alert.firing) for alert in alerts] == [
        ({"alertname": "A"}, True),
        ({"alertname": "B"}, False),
    ]


def test_history_becomes_lives(first: HttpSink) -> None:
    start = SATURDAY.timestamp()
    near, far = [start, start + 15, start + 75], [start + 4000, start + 4015]
    says(first, result(series([*near, *far], alertname="A"), series([start + 30], alertname="B")))

    lives = HttpPrometheus(first.url).fired(SATURDAY, SATURDAY + timedelta(hours=2))

    assert [(life.labels["alertname"], life.first_at, life.last_at) for life in lives] == [
        ("A", SATURDAY - STEP, SATURDAY + timedelta(seconds=75)),
        ("A", SATURDAY + timedelta(seconds=4000) - STEP, SATURDAY + timedelta(seconds=4015)),
        ("B", SATURDAY + timedelta(seconds=30) - STEP, SATURDAY + timedelta(seconds=30)),
    ]


def test_no_question_asks_for_more_points_than_prometheus_gives(first: HttpSink) -> None:
    says(first, result())
    days = timedelta(days=5)

    HttpPrometheus(first.url).fired(SATURDAY, SATURDAY + days)

    spans = []
    for request in first.received:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        spans.append((float(asked["start"]), float(asked["end"])))
        assert (spans[-1][1] - spans[-1][0]) / float(asked["step"]) < 11_000
    assert len(spans) == 3 == -(-days // (STEP * MOST_POINTS))
    assert spans[0][0] == SATURDAY.timestamp()
    assert spans[-1][1] >= (SATURDAY + days).timestamp()
    assert all(after[0] - before[1] == STEP.seconds for before, after in itertools.pairwise(spans))


@pytest.mark.parametrize(("value", "up"), [("1", True), ("0", False), (None, False)])
def test_a_job_is_up_when_every_target_answers(first: HttpSink, value: str | None, *, up: bool) -> None:
    says(first, result(*([{"metric": {}, "value": [1, value]}] if value else [])))

    assert HttpPrometheus(first.url).up('odd"job') is up
    assert 'min(up{job="odd\\"job"})' in parse_qs(urlsplit(first.received[0].path).query)["query"]


@pytest.mark.parametrize(
    "answer",
    [
        503,
        400,
        lambda _request: (200, {}, b'{"status":"error","errorType":"timeout"}'),
        lambda _request: (200, {}, b'{"status":"success","data":{"result":[{"metric":7}]}}'),
        lambda _request: (200, {}, b'{"status":"success","data":null}'),
        lambda _request: (200, {}, b"[]"),
    ],
)
def test_whatever_is_no_answer_of_prometheus_is_unavailable(first: HttpSink, answer: Any) -> None:
    first.answer = answer
    with pytest.raises(SourceUnavailable):
        HttpPrometheus(first.url).alerts()
    with pytest.raises(SourceUnavailable):
        HttpPrometheus(NOBODY).fired(SATURDAY, SATURDAY + timedelta(minutes=1))


def test_no_proxy_of_the_environment_stands_between(first: HttpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", NOBODY)
    monkeypatch.setenv("no_proxy", "")
    says(first, result())

    assert HttpPrometheus(first.url).alerts() == []
    assert len(first.received) == 1
