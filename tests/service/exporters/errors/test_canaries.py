"""Secrets planted in every place of a report, by each of the three doors, are found nowhere afterwards."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from exporters.schema import METADATA
from tests.error_desk import TOKENS, ErrorDesk
from tests.fakes import FakeAlertmanager
from tests.sentry import KEY, PROJECT, project_desk
from wedsync_core.web.auth import Role

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbWFyYSJ9.c2lnbmF0dXJlb2ZhbWFyYQ"
SECRETS = {
    "email": "amara.okafor@wedding.example",
    "card": "4111111111111111",
    "card_in_groups": "5555 5555 5555 4444",
    "iban": "GB29NWBK60161331926819",
    "phone": "+447700900123",
    "jwt": JWT,
    "bearer": "Bearer q7Zk3TnWv9LrXp2Ya",
    "stripe": "sk_live_canary7Xw3Kq9Zr",
    "aws": "AKIAIOSFODNN7CANARYX",
    "github": "ghp_canaryCanary0123456789abcdefghij",
    "slack": "xoxb-canary-123456789012",
    "url_password": "https://noor:canaryhunter2@db.wedsync.example/bookings",
    "query": "https://wedsync.example/pay?token=canarytok3nvalue99&step=2",
    "assigned": "password=canarypass77word",
    "json": '{"apiKey": "canaryapikey55value"}',
}
# What must not be found: the secret itself, without what stands harmlessly beside it.
NEEDLES = {
    **SECRETS,
    "bearer": "q7Zk3TnWv9LrXp2Ya",
    "url_password": "canaryhunter2",
    "query": "canarytok3nvalue99",
    "assigned": "canarypass77word",
    "json": "canaryapikey55value",
}
NAMED = {
    "password": "canary-named-1",
    "api_key": "canary-named-2",
    "cookie": "canary-named-3",
    "session_token": "canary-named-4",
    "cvv": "canary-named-5",
    "passport": "canary-named-6",
}


def _everything() -> dict[str, Any]:
    """Every secret by shape, alone, within a sentence, in a list, as a name, and nested; and those by name."""
    return {
        "texts": dict(SECRETS),
        "sentences": [f"guest said {secret} and left" for secret in SECRETS.values()],
        "nested": {"deep": [{"deeper": [[secret]]} for secret in SECRETS.values()]},
        "pairs": [["Cookie", "canary-pair-1"], ["Authorization", "canary-pair-2"]],
        "entries": [{"name": "password", "value": "canary-pair-3"}],
        SECRETS["email"]: "named by a person",
        **NAMED,
    }


def _plain() -> dict[str, Any]:
    lines = "\n".join(f'  File "/srv/app/pay.py", line 3, in pay\n    charge("{one}")' for one in SECRETS.values())
    return {
        "error_type": f"Broken {SECRETS['email']}",
        "message": " ; ".join(SECRETS.values()),
        "level": "api",
        "service": "payment",
        "type": "service_failure",
        "affects": ["payment"],
        "region": "london",
        "route": SECRETS["query"],
        "release": f"2.3.0 {SECRETS['email']}",
        "environment": SECRETS["assigned"],
        "stack_trace": f"Traceback (most recent call last):\n{lines}\nBroken",
        "trace_id": SECRETS["email"],
        "user_context": {"id": SECRETS["email"], "more": _everything()},
        "request_data": {"url": SECRETS["query"], "headers": _everything()},
        "tags": _everything(),
        "breadcrumbs": [_everything()],
    }


def _event() -> dict[str, Any]:
    everything = _everything()
    frames = [
        {"abs_path": "/srv/app/pay.py", "function": "pay", "lineno": 3, "context_line": f'charge("{secret}")'}
        | {"vars": {"given": secret, **NAMED}, "in_app": True}
        for secret in SECRETS.values()
    ]
    exceptions = [
        {"type": "Broken", "value": f"no {secret}", "stacktrace": {"frames": frames}} for secret in SECRETS.values()
    ]
    return {
        "platform": "python",
        "exception": {"values": exceptions},
        "logentry": {"formatted": " ; ".join(SECRETS.values())},
        "transaction": SECRETS["query"],
        "request": {
            "url": SECRETS["query"],
            "query_string": "token=canarytok3nvalue99",
            "headers": [["Authorization", SECRETS["bearer"]], ["Cookie", "sid=canary-named-3"]],
            "cookies": {"sid": "canary-named-3"},
            "data": everything,
            "env": everything,
        },
        "user": {"id": SECRETS["email"], "email": SECRETS["email"], "username": SECRETS["email"]},
        "tags": {"type": "service_failure", "affects": "payment", "note": SECRETS["email"]},
        "breadcrumbs": {"values": [{"category": "http", "message": SECRETS["query"], "data": everything}]},
        "contexts": {"trace": {"trace_id": SECRETS["email"]}, "app": everything},
        "extra": everything,
        "release": f"2.3.0 {SECRETS['email']}",
        "environment": SECRETS["assigned"],
        "fingerprint": [SECRETS["email"]],
    }


def _send(desk: ErrorDesk, door: str) -> None:
    client = desk.app.test_client()
    if door == "json":
        assert desk.report(_plain(), role=Role.INGEST).status_code == 201
        return
    body = json.dumps(_event())
    if door == "envelope":
        body = f'{{}}\n{{"type":"event"}}\n{body}\n'
    answer = client.post(f"/api/{PROJECT}/{door}/?sentry_key={KEY}", data=body.encode())
    assert answer.status_code == 200


def _leaks(kept: str) -> list[str]:
    needles = {**NEEDLES, **NAMED, **{f"pair {n}": f"canary-pair-{n}" for n in (1, 2, 3)}}
    return [name for name, needle in needles.items() if needle in kept]


@pytest.mark.parametrize("door", ["json", "envelope", "store"])
def test_nothing_secret_is_stored_logged_paged_or_shown(
    tmp_path: Path, database_url: str, door: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with FakeAlertmanager() as alertmanager:
        with project_desk(tmp_path, database_url, alertmanagers=[alertmanager.url]) as desk:
            _send(desk, door)
            desk.poster.turn()
            desk.keeper.counting.turn()
            (error,) = desk.get()["errors"]
            assert error["severity"] == "critical"
            assert error["report"]["redacted"] > 20
            kept = [json.dumps(desk.get(path), ensure_ascii=False) for path in ("", "/groups", "/trends")]
            token = {"Authorization": f"Bearer {TOKENS[Role.VIEWER]}"}
            shown = desk.app.test_client().get("/metrics", headers=token).text
            assert "wedsync_errors_total" in shown
            kept.append(shown)
            with desk.database.read() as transaction:
                kept += [str(transaction.execute(select(table)).all()) for table in METADATA.sorted_tables]
        assert alertmanager.alerts
        kept.append(str(alertmanager.posts))
    captured = capsys.readouterr()
    kept += [caplog.text, captured.out, captured.err]
    if database_url.startswith("sqlite"):
        file = Path(database_url.removeprefix("sqlite:///"))
        kept += [part.read_bytes().decode("latin-1") for part in file.parent.glob(f"{file.name}*")]
    assert _leaks("\n".join(kept)) == []


def test_the_search_would_find_them() -> None:
    assert len(_leaks(json.dumps(_plain()))) > 20
    assert len(_leaks(json.dumps(_event()))) > 20
