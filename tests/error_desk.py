"""The errors room as the stories use it: a real application and database, virtual time, and a small Alertmanager."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask
from prometheus_client import CollectorRegistry
from werkzeug.test import TestResponse

from exporters.alarm.alertmanager import post_over_http
from exporters.alarm.metrics import AlarmMetrics
from exporters.alarm.poster import AlarmPoster
from exporters.collectors import AlarmCollector, ErrorsCollector
from exporters.errors.classification import Surroundings
from exporters.errors.keeper import Keeper
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.room import Around, nearness, open_errors_room
from exporters.evidence import EvidenceUnavailable, Series
from tests.fakes import FakeClock
from wedsync_core.season import Region, Wedding, WeddingIndex, facts
from wedsync_core.settings.errors import ErrorSettings
from wedsync_core.severity import SeveritySettings
from wedsync_core.storage import Database, migrate
from wedsync_core.web.application import create_service
from wedsync_core.web.auth import Role, Tokens

SERVICES = ("photos", "messaging", "payment", "booking", "timeline")
REGIONS = (Region("london", "Europe/London", "north"), Region("sydney", "Australia/Sydney", "south"))
SURROUNDINGS = Surroundings(
    services=frozenset(SERVICES),
    regions=frozenset(region.name for region in REGIONS),
    service_of_workflow={"photo_upload": "photos", "payment": "payment", "messaging": "messaging"},
    dashboard_url="http://grafana.example/d/errors",
)
TOKENS = {role: f"{role.value}-token-of-the-tests" for role in (Role.INGEST, Role.VIEWER, Role.RESPONDER)}


@dataclass
class ErrorDesk:
    """One errors room under test. Its poster turns by hand unless a test starts it."""

    app: Flask
    database: Database
    clock: FakeClock
    poster: AlarmPoster
    registry: CollectorRegistry
    keeper: Keeper
    seen_working: dict[str, Series] | None
    """What Prometheus answers, by the series a query asks for; None: it does not answer."""
    free_bytes: int = 64 << 30

    def report(self, body: Any = None, *, role: Role | None = Role.INGEST, **members: Any) -> TestResponse:
        """Send a body as it is, or one report of a lost photo with the members changed."""
        json = lost_photo(**members) if body is None else body
        return self.call("POST", "", role, json=json)

    def call(self, method: str, path: str, role: Role | None = Role.VIEWER, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {TOKENS[role]}"} if role is not None else {}
        return self.app.test_client().open(f"/api/monitoring/errors{path}", method=method, headers=headers, **options)

    def get(self, path: str = "") -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def metric(self, name: str, labels: Mapping[str, str] | None = None) -> float | None:
        return self.registry.get_sample_value(name, dict(labels or {}))

    def pass_seconds(self, seconds: int) -> None:
        """Move time on second by second, letting the poster look at each, as its thread does."""
        for _ in range(seconds):
            self.clock.advance(seconds=1)
            self.poster.turn()


@contextmanager
def open_error_desk(
    tmp_path: Path,
    database_url: str,
    start: datetime,
    alertmanagers: Sequence[str],
    *,
    many_users: int = 100,
    weddings: Sequence[Wedding] = (),
    settings: ErrorSettings | None = None,
) -> Iterator[ErrorDesk]:
    database, clock, registry = Database(database_url), FakeClock(start), CollectorRegistry()
    migrate(database, "exporters")
    poster = AlarmPoster(
        database=database,
        urls=alertmanagers,
        post=post_over_http(),
        clock=clock,
        metrics=AlarmMetrics(registry),
    )
    known = WeddingIndex(weddings)

    def calendar(now: datetime) -> Any:
        return facts(now, REGIONS, known)

    def ask(query: str) -> Series:
        if desk.seen_working is None:
            raise EvidenceUnavailable("ConnectionError")
        return next((series for name, series in desk.seen_working.items() if name in query), [])

    room = open_errors_room(
        Around(
            database=database,
            clock=clock,
            calendar=calendar,
            weddings=lambda: known,
            surroundings=replace(SURROUNDINGS, hours_to_wedding=nearness(lambda: known)),
            limits=SeveritySettings(many_users=many_users),
            pseudonym_key=b"a key for tests",
            alarms=poster,
            ask=ask,
            settings=settings or ErrorSettings(),
            metrics=ErrorMetrics(registry, SERVICES),
            free_bytes=lambda: desk.free_bytes,
        )
    )
    registry.register(AlarmCollector(database, clock))
    registry.register(ErrorsCollector(database, clock, [region.name for region in REGIONS]))
    app = create_service(
        "exporters",
        tokens=_tokens(tmp_path),
        registry=registry,
        blueprints=room.blueprints,
        ready=database.check,
    )
    desk = ErrorDesk(app, database, clock, poster, registry, room.keeper, None)
    try:
        yield desk
    finally:
        poster.stop()
        database.close()


def lost_photo(**members: Any) -> dict[str, Any]:
    """The report of an upload that was acknowledged and then lost."""
    return {
        "error_type": "PhotoLost",
        "message": "photo 812 of album 99 is gone",
        "level": "api",
        "service": "photos",
        "type": "data_loss",
        "affects": ["photo_upload"],
        "region": "london",
    } | members


def harmless(**members: Any) -> dict[str, Any]:
    """The report of an error that hurts nobody."""
    return {
        "error_type": "IconMissing",
        "message": "no icon for dove",
        "level": "frontend",
        "service": "timeline",
    } | members


def _tokens(tmp_path: Path) -> Tokens:
    files = {}
    for role, token in TOKENS.items():
        files[role] = tmp_path / f"token-{role.value}"
        files[role].write_text(token)
    return Tokens(files)
