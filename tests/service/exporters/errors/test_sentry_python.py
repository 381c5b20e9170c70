"""The real SDK of Sentry for Python, with nothing changed but its DSN."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk

from tests.error_desk import ErrorDesk
from tests.sentry import project_desk, served


class BookingFailed(Exception):
    pass


@contextmanager
def _reporting(dsn: str) -> Iterator[sentry_sdk.Client]:
    """Let the SDK of this process report, and be silent again afterwards."""
    client = sentry_sdk.Client(dsn=dsn, default_integrations=False, release="booking@2.3.0", server_name="app-1")
    scope = sentry_sdk.get_global_scope()
    before = scope.client
    scope.set_client(client)
    try:
        yield client
    finally:
        client.close(timeout=5)
        scope.set_client(before)


def _break(reason: str) -> None:
    card = "4111 1111 1111 1111"
    booked: dict[str, str] = {}
    try:
        booked[card]
    except KeyError as error:
        raise BookingFailed(reason) from error


def _fail(reason: str) -> None:
    try:
        _break(reason)
    except BookingFailed as error:
        sentry_sdk.capture_exception(error)


def _latest(desk: ErrorDesk) -> list[dict[str, Any]]:
    latest: list[dict[str, Any]] = desk.get()["errors"]
    return latest


def test_an_exception_with_its_cause(tmp_path: Path, database_url: str) -> None:
    with project_desk(tmp_path, database_url) as desk, served(desk) as dsn, _reporting(dsn) as client:
        with sentry_sdk.new_scope() as scope:
            scope.set_tag("affects", "booking")
            scope.set_tag("type", "service_failure")
            scope.set_user({"id": "amara", "email": "amara@okafor.example"})
            _fail("amara@okafor.example could not book")
        client.flush(timeout=5)
        (error,) = _latest(desk)
        report = error["report"]
        assert report["error_type"] == "BookingFailed"
        assert report["message"] == "[REDACTED] could not book"
        assert (report["service"], report["region"], report["release"]) == ("booking", "london", "booking@2.3.0")
        assert [one["type"] for one in report["extra"]["exceptions"]] == ["KeyError", "BookingFailed"]
        assert report["user"].startswith("p1_")
        assert error["severity"] == "critical"
        assert "in _break" in report["stack_trace"]
        assert "okafor" not in str(report)
        assert "4111" not in str(report)


def test_a_message(tmp_path: Path, database_url: str) -> None:
    with project_desk(tmp_path, database_url) as desk, served(desk) as dsn, _reporting(dsn) as client:
        sentry_sdk.capture_message("the queue is long")
        client.flush(timeout=5)
        (error,) = _latest(desk)
        assert (error["report"]["error_type"], error["report"]["message"]) == ("Message", "the queue is long")


def test_after_a_rate_limit_it_falls_silent_and_says_so(tmp_path: Path, database_url: str) -> None:
    with project_desk(tmp_path, database_url, per_project=1) as desk, served(desk) as dsn:
        with _reporting(dsn) as client:
            for reason in ("first", "second", "third"):
                _fail(reason)
                client.flush(timeout=5)
            desk.clock.advance(seconds=61)
        # The first answer already told that nothing is left: the others were never sent.
        assert [error["report"]["message"] for error in _latest(desk)] == ["first"]
        assert desk.metric("wedsync_error_reports_dropped_total", {"reason": "project"}) == 0
        told = {"reason": "ratelimit_backoff", "category": "error"}
        assert desk.metric("wedsync_error_client_discarded_total", told) == pytest.approx(2)
