"""The receiver as the stories use it: a real app and database, virtual time, and a phone that remembers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fakes import FakeClock
from tests.upstream import Upstream
from webhook_receiver.alerts.store import see_watchdog
from webhook_receiver.app import Receiver, build_receiver
from webhook_receiver.notify.channels import Envelope
from wedsync_core.clock import NO_END, format_timestamp
from wedsync_core.problems import Unavailable
from wedsync_core.season import Region, RegionFacts, WeddingIndex, facts
from wedsync_core.settings import Settings, settings_from_text

ROOT = Path(__file__).parents[1]
TOKENS = {role: f"{role}-token-of-the-tests" for role in ("ingest", "viewer", "responder", "admin", "alertmanager")}


@dataclass
class Phone:
    """A channel that remembers what it was handed; ``answer`` may raise ChannelError, or hang."""

    answer: Callable[[Envelope], None] = lambda _envelope: None
    envelopes: list[Envelope] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, envelope: Envelope) -> None:
        self.answer(envelope)
        with self._lock:
            self.envelopes.append(envelope)

    def people(self) -> list[str]:
        """Who was told, in alphabetical order."""
        return sorted(envelope.person for envelope in self.envelopes)

    def forget(self) -> None:
        self.envelopes.clear()


class Desk:
    """One receiver under test."""

    def __init__(self, settings: Settings, clock: FakeClock, calendar: Callable[[datetime], Any]) -> None:
        self.clock = clock
        self.pager, self.console = Phone(), Phone()
        channels = {"pager": self.pager, "console": self.console}
        self.upstream = Upstream(clock)
        self.receiver: Receiver = build_receiver(
            settings, clock=clock, calendar=calendar, channels=dict(channels), sources=self.upstream.sources
        )
        self._client: FlaskClient = self.receiver.app.test_client()
        self.watchdog_heard = True
        """Off: Prometheus or Alertmanager has fallen silent."""

    def call(self, method: str, path: str, role: str | None = "responder", **options: Any) -> TestResponse:
        headers = dict(options.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {TOKENS[role]}"
        return self._client.open(f"/api/monitoring{path}", method=method, headers=headers, **options)

    def post(self, path: str, body: Any = None, role: str = "responder", **options: Any) -> TestResponse:
        return self.call("POST", path, role, **({} if body is None else {"json": body}), **options)

    def get(self, path: str, role: str = "viewer") -> Any:
        answer = self.call("GET", path, role)
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    def alerts(self, *alerts: Mapping[str, Any], **message: Any) -> TestResponse:
        """Post a message, true to what Alertmanager and Prometheus hold from now on."""
        self.upstream.sent(webhook(*alerts, **message))
        return self.late_alerts(*alerts, **message)

    def late_alerts(self, *alerts: Mapping[str, Any], **message: Any) -> TestResponse:
        """Post a message that says nothing of how things stand upstream: old, partial, or wrong."""
        return self.post("/alertmanager", webhook(*alerts, **message), role="alertmanager")

    def turn(self) -> None:
        """Let the ticker work until nothing is due and nothing is on the wire; the Watchdog has just been heard."""
        if self.watchdog_heard:
            self.hear_watchdog()
        while self.receiver.ticker.turn():
            assert self.receiver.delivery.wait_until_idle(10)

    def hear_watchdog(self) -> None:
        """Note the always-firing alert as its message would; without a database it is not noted."""
        with suppress(Unavailable), self.receiver.database.write() as transaction:
            see_watchdog(transaction, "prometheus", self.clock.now())

    def pass_minutes(self, minutes: float) -> None:
        """Move time on in steps of ten seconds, letting the ticker look at each, as the real one does every second."""
        for _ in range(round(minutes * 6)):
            self.clock.advance(seconds=10)
            self.turn()

    def metric(self, name: str, **labels: str) -> float | None:
        text = self._client.get("/metrics", headers={"Authorization": f"Bearer {TOKENS['viewer']}"}).text
        wanted = name + ("{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else "")
        values = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line.rsplit(" ", 1)[0] == wanted]
        return float(values[0]) if values else None


@contextmanager
def open_desk(tmp_path: Path, database_url: str, start: datetime, changes: Mapping[str, str]) -> Iterator[Desk]:
    settings = receiver_settings(tmp_path, database_url, changes)
    clock = FakeClock(start)
    desk = Desk(settings, clock, calendar_of(settings))
    try:
        yield desk
    finally:
        desk.receiver.stop()


def receiver_settings(tmp_path: Path, database_url: str, changes: Mapping[str, str]) -> Settings:
    """The shipped wedsync.yml with a test's database, secrets and ``changes`` (environment variables)."""
    secrets = tmp_path / "secrets"
    secrets.mkdir(exist_ok=True)
    for role, token in TOKENS.items():
        (secrets / role).write_text(token)
    (secrets / "webhook_signing_key").write_text("a-signing-key-for-tests")
    (secrets / "acknowledge_link_key").write_text("a-link-key-of-the-tests")
    text = (ROOT / "wedsync.yml").read_text().replace("/run/secrets", str(secrets))
    environment = {
        "WEDSYNC_DATA_DIR": str(tmp_path / "data"),
        "WEDSYNC_INCIDENTS_DATABASE_URL": database_url,
        "WEDSYNC_TELEMETRY_DATABASE_URL": database_url,
        **changes,
    }
    return settings_from_text(text, environment)


def calendar_of(settings: Settings) -> Callable[[datetime], dict[str, RegionFacts]]:
    """The calendar of the shipped regions with a fresh and empty wedding list."""
    regions = [
        Region(name, region.zone, region.hemisphere, frozenset(region.peak_months or ()) or None)
        for name, region in settings.calendar.regions.items()
    ]
    weddings = WeddingIndex()
    return lambda now: facts(now, regions, weddings)


def alert(
    alertname: str = "WorkflowFailing",
    *,
    status: str = "firing",
    starts_at: datetime,
    ends_at: datetime | None = None,
    summary: str = "Photo uploads are failing",
    **labels: str,
) -> dict[str, Any]:
    """One alert as Alertmanager writes it."""
    named = {"alertname": alertname, **labels}
    return {
        "status": status,
        "labels": named,
        "annotations": {"summary": summary, "runbook_url": f"https://runbooks.example/{alertname}.md"},
        "startsAt": format_timestamp(starts_at),
        "endsAt": format_timestamp(ends_at) if ends_at else NO_END.strftime("0001-%m-%dT%H:%M:%SZ"),
        "generatorURL": "http://prometheus:9090/graph?g0.expr=x",
        "fingerprint": hashlib.sha256(repr(sorted(named.items())).encode()).hexdigest()[:16],
    }


def webhook(*alerts: Mapping[str, Any], **message: Any) -> dict[str, Any]:
    """A version 4 message as 0.33 sends it."""
    firing = any(one["status"] == "firing" for one in alerts if isinstance(one, dict) and "status" in one)
    return {
        "version": "4",
        "groupKey": '{}/{severity="critical"}:{alertname="WorkflowFailing"}',
        "truncatedAlerts": 0,
        "receiver": "webhook_receiver",
        "status": "firing" if firing else "resolved",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "notification_reason": "first notification",
        "alerts": list(alerts),
        **message,
    }
