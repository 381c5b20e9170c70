"""The doors of the Sentry SDKs: who may come in, what a browser is told, what is taken and what is not."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
from werkzeug.test import TestResponse

from tests.error_desk import TOKENS, ErrorDesk
from tests.sentry import KEY, PROJECT, project_desk
from wedsync_core.web.auth import Role

ID = "0af7651916cd43dd8448eb211c80319c"
AUTH = {"X-Sentry-Auth": f"Sentry sentry_key={KEY}, sentry_version=7"}


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[ErrorDesk]:
    with project_desk(tmp_path, database_url) as desk:
        yield desk


def _event(**members: Any) -> dict[str, Any]:
    return {"event_id": ID, "message": "no invoice", "platform": "python", "level": "error"} | members


def _envelope(*items: tuple[str, bytes], header: dict[str, Any] | None = None) -> bytes:
    lines = [json.dumps({"event_id": ID} if header is None else header).encode()]
    for kind, payload in items:
        lines += [json.dumps({"type": kind, "length": len(payload)}).encode(), payload]
    return b"\n".join(lines)


def _post(desk: ErrorDesk, body: bytes, path: str = f"/api/{PROJECT}/envelope/", **headers: str) -> TestResponse:
    return desk.app.test_client().post(path, data=body, headers=AUTH | headers)


def test_an_event_is_stored_once_however_often_it_comes(desk: ErrorDesk) -> None:
    body = _envelope(("event", json.dumps(_event()).encode()))
    for path in (f"/api/{PROJECT}/envelope/", f"/api/{PROJECT}/envelope"):
        answer = _post(desk, body, path)
        assert (answer.status_code, answer.get_json()) == (200, {"id": ID})
    assert len(desk.get()["errors"]) == 1


@pytest.mark.parametrize("path", [f"/api/{PROJECT}/store/", f"/api/{PROJECT}/store"])
def test_the_old_store(desk: ErrorDesk, path: str) -> None:
    answer = _post(desk, json.dumps(_event()).encode(), path)
    assert (answer.status_code, answer.get_json()) == (200, {"id": ID})
    assert desk.get()["errors"][0]["report"]["message"] == "no invoice"


def test_a_key_by_query_and_by_the_envelopes_own_dsn(desk: ErrorDesk) -> None:
    client = desk.app.test_client()
    event = ("event", json.dumps(_event()).encode())
    by_query = client.post(f"/api/{PROJECT}/envelope/?sentry_version=7&sentry_key={KEY}", data=_envelope(event))
    assert by_query.status_code == 200
    tunnelled = _envelope(event, header={"event_id": ID, "dsn": f"https://{KEY}@errors.example/{PROJECT}"})
    assert client.post(f"/api/{PROJECT}/envelope/", data=tunnelled).status_code == 200
    assert client.post(f"/api/{PROJECT}/envelope/", data=_envelope(event)).status_code == 403


@pytest.mark.parametrize("path", ["/api/43/envelope/", "/api/monitoring/envelope/", "/api/43/store/"])
def test_an_unknown_project_is_refused_as_a_wrong_key_is(desk: ErrorDesk, path: str) -> None:
    unknown = _post(desk, _envelope(), path)
    wrong = desk.app.test_client().post(
        f"/api/{PROJECT}/envelope/", data=_envelope(), headers={"X-Sentry-Auth": f"Sentry sentry_key={KEY[::-1]}"}
    )
    assert unknown.status_code == wrong.status_code == 403
    assert unknown.get_json() == wrong.get_json()


def test_a_public_key_opens_nothing_else(desk: ErrorDesk) -> None:
    client = desk.app.test_client()
    for headers in ({"Authorization": f"Bearer {KEY}"}, AUTH):
        assert client.get("/api/monitoring/errors", headers=headers).status_code == 401
        assert client.post("/api/monitoring/errors", json={}, headers=headers).status_code == 401


def test_a_browser_is_told_the_limits(desk: ErrorDesk) -> None:
    client = desk.app.test_client()
    asked = client.options(f"/api/{PROJECT}/envelope/", headers={"Origin": "https://wedsync.example"})
    assert asked.status_code == 204
    assert "x-sentry-auth" in asked.headers["Access-Control-Allow-Headers"]
    for answer in (asked, _post(desk, _envelope()), client.post("/api/7/envelope/", data=b"{}")):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "x-sentry-rate-limits" in answer.headers["Access-Control-Expose-Headers"]
        assert "retry-after" in answer.headers["Access-Control-Expose-Headers"]


def test_what_is_not_an_error_is_counted_and_thrown_away(desk: ErrorDesk) -> None:
    items = [(kind, b"{}") for kind in ("transaction", "session", "attachment", "log", "hologram")]
    assert _post(desk, _envelope(*items)).get_json() == {"id": ID}
    for item in ("transaction", "session", "attachment", "log", "other"):
        labels = {"item": item, "outcome": "discarded"}
        assert desk.metric("wedsync_error_envelope_items_total", labels) == 1
    assert desk.get()["errors"] == []


@pytest.mark.parametrize(
    ("encoding", "squeeze"),
    [
        ("gzip", gzip.compress),
        ("br", brotli.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("identity", bytes),
        ("gzip", lambda body: gzip.compress(body[:20]) + gzip.compress(body[20:])),
    ],
)
def test_every_encoding(desk: ErrorDesk, encoding: str, squeeze: Any) -> None:
    body = squeeze(_envelope(("event", json.dumps(_event()).encode())))
    assert _post(desk, body, **{"Content-Encoding": encoding}).status_code == 200
    report = json.dumps({"error_type": "A", "level": "api", "service": "photos"}).encode()
    token = {"Authorization": f"Bearer {TOKENS[Role.INGEST]}", "Content-Encoding": encoding}
    answer = desk.app.test_client().post("/api/monitoring/errors", data=squeeze(report), headers=token)
    assert answer.status_code == 201
    assert len(desk.get()["errors"]) == 2


@pytest.mark.parametrize(("encoding", "squeeze"), [("gzip", gzip.compress), ("br", brotli.compress)])
def test_a_bomb_is_refused_and_leaves_a_trace(desk: ErrorDesk, encoding: str, squeeze: Any) -> None:
    bomb = squeeze(_envelope(("event", json.dumps(_event(message="boom")).encode())) + b" " * (64 << 20))
    answer = _post(desk, bomb, **{"Content-Encoding": encoding})
    assert answer.status_code == 413
    assert "inflates to more than 20971520 bytes" in answer.get_json()["detail"]
    (error,) = desk.get()["errors"]
    assert "inflates to more than" in error["report"]["message"]
    assert error["report"]["extra"]["truncated"]["event_id"] == ID
    assert desk.metric("wedsync_error_reports_oversize_total", {"reason": "inflated"}) == 1


def test_an_event_that_is_too_large_leaves_a_trace_under_its_id(desk: ErrorDesk) -> None:
    event = json.dumps(_event(release="2.3.0", extra={"all": "x" * (2 << 20)})).encode()
    assert _post(desk, _envelope(("event", event))).status_code == 200
    (error,) = desk.get()["errors"]
    assert (error["errorId"], error["report"]["release"]) == (ID, "2.3.0")


@pytest.mark.parametrize("encoding", ["zstd", "gzip, br"])
def test_an_encoding_that_is_not_taken(desk: ErrorDesk, encoding: str) -> None:
    answer = _post(desk, b"x", **{"Content-Encoding": encoding})
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "gzip, br, deflate")


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(_envelope())[:-9], b""], ids=["no gzip", "cut short", "nothing"]
)
def test_a_broken_stream_is_malformed(desk: ErrorDesk, body: bytes) -> None:
    assert _post(desk, body, **{"Content-Encoding": "gzip"}).status_code == 400


def test_over_its_quota_a_project_is_told_when_to_come_back(tmp_path: Path, database_url: str) -> None:
    with project_desk(tmp_path, database_url, per_project=1) as desk:
        first = _post(desk, _envelope(("event", json.dumps(_event()).encode())))
        assert (first.status_code, first.headers["X-Sentry-Rate-Limits"].split(":", 1)[1]) == (
            200,
            "error;default:project:quota",
        )
        second = _post(desk, _envelope(("event", json.dumps(_event(event_id="1" * 32)).encode())))
        assert second.status_code == 429
        assert 1 <= int(second.headers["Retry-After"]) <= 60
        assert second.headers["X-Sentry-Rate-Limits"].endswith(":error;default:project:quota")
        assert desk.metric("wedsync_error_reports_dropped_total", {"reason": "project"}) == 1
        # Others are not held to account for it.
        assert desk.report().status_code == 201
        desk.clock.advance(seconds=60)
        assert _post(desk, _envelope(("event", json.dumps(_event(event_id="1" * 32)).encode()))).status_code == 200


def test_before_the_disk_is_full_nothing_more_is_taken(desk: ErrorDesk) -> None:
    desk.free_bytes = 300 << 20
    harmless = _post(desk, _envelope(("event", json.dumps(_event()).encode())))
    assert (harmless.status_code, harmless.headers["X-Sentry-Rate-Limits"]) == (429, "30::organization:disk")
    # What is grave is taken into the second half of the room.
    assert desk.report().status_code == 201
    desk.free_bytes = 100 << 20
    desk.clock.advance(seconds=2)
    assert desk.report().status_code == 429
