"""Alertmanager and Prometheus as the receiver asks them: a world that tests script, true to what the desk was sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from tests.fakes import FakeClock
from webhook_receiver.sources.contract import (
    Evaluated,
    Fired,
    Matcher,
    Sample,
    Silence,
    SourceRefused,
    Sources,
    SourceUnavailable,
    UpstreamAlert,
)
from wedsync_core.clock import parse_timestamp

WATCHDOG = {"alertname": "Watchdog", "severity": "none", "type": "heartbeat", "service": "prometheus"}


@dataclass
class FakeAlertmanagers:
    """Holds alerts and silences. ``down``: nobody answers."""

    clock: FakeClock
    held: dict[str, UpstreamAlert] = field(default_factory=dict)
    known_silences: dict[str, Silence] = field(default_factory=dict)
    down: bool = False
    refuses: str = ""
    """Why a silence is refused; empty: it is taken."""

    def alerts(self) -> Sequence[UpstreamAlert]:
        self._answer()
        return list(self.held.values())

    def silences(self) -> Sequence[Silence]:
        self._answer()
        return list(self.known_silences.values())

    def create_silence(
        self, matchers: Sequence[Matcher], starts_at: datetime, ends_at: datetime, *, created_by: str, comment: str
    ) -> str:
        self._answer()
        if self.refuses:
            raise SourceRefused(self.refuses)
        silence_id = f"silence-{len(self.known_silences) + 1}"
        silence = Silence(silence_id, tuple(matchers), starts_at, ends_at, created_by, comment, "active")
        self.known_silences[silence_id] = silence
        return silence_id

    def expire_silence(self, silence_id: str) -> None:
        self._answer()
        if silence_id not in self.known_silences:
            raise SourceRefused(f"there is no silence {silence_id}")
        self.known_silences[silence_id] = replace(self.known_silences[silence_id], state="expired")

    def hold(self, alert: Mapping[str, Any], *, receivers: tuple[str, ...] = ("receiver",)) -> None:
        """Hold an alert as active; ``alert`` as ``tests.receiver.alert`` makes it."""
        self.held[alert["fingerprint"]] = UpstreamAlert(
            fingerprint=alert["fingerprint"],
            labels=dict(alert["labels"]),
            annotations=dict(alert["annotations"]),
            starts_at=parse_timestamp(alert["startsAt"]),
            ends_at=self.clock.now() + timedelta(minutes=4),
            updated_at=self.clock.now(),
            state="active",
            silenced_by=(),
            inhibited_by=(),
            muted_by=(),
            receivers=receivers,
            generator_url="",
        )

    def suppress(
        self,
        alert: Mapping[str, Any],
        *,
        silenced_by: tuple[str, ...] = (),
        inhibited_by: tuple[str, ...] = (),
        muted_by: tuple[str, ...] = (),
    ) -> None:
        """Keep a held alert from being told."""
        fingerprint = alert["fingerprint"]
        self.held[fingerprint] = replace(
            self.held[fingerprint],
            state="suppressed",
            silenced_by=silenced_by,
            inhibited_by=inhibited_by,
            muted_by=muted_by,
        )

    def activate(self, alert: Mapping[str, Any]) -> None:
        fingerprint = alert["fingerprint"]
        self.held[fingerprint] = replace(
            self.held[fingerprint], state="active", silenced_by=(), inhibited_by=(), muted_by=()
        )

    def lose(self, alert: Mapping[str, Any]) -> None:
        """Know nothing of an alert any more, as after a restart or once it has ended."""
        self.held.pop(alert["fingerprint"], None)

    def _answer(self) -> None:
        if self.down:
            raise SourceUnavailable("http://alertmanager:9093/api/v2: ConnectionError")


@dataclass
class FakePrometheus:
    """Tests say what fires. ``down``: it does not answer; ``watchdog`` off: it evaluates no rules."""

    fires: dict[str, dict[str, str]] = field(default_factory=dict)
    pending: list[dict[str, str]] = field(default_factory=list)
    history: list[Fired] = field(default_factory=list)
    jobs_down: set[str] = field(default_factory=set)
    samples: list[Sample] = field(default_factory=list)
    down: bool = False
    watchdog: bool = True
    answers: dict[str, list[float]] = field(default_factory=dict)
    """The values of a query; of any other there are none."""
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)
    """The spans whose history was asked for."""

    def alerts(self) -> Sequence[Evaluated]:
        self._answer()
        firing = [*([WATCHDOG] if self.watchdog else []), *self.fires.values()]
        pending = [Evaluated(labels, firing=False) for labels in self.pending]
        return [*(Evaluated(labels, firing=True) for labels in firing), *pending]

    def fired(self, start: datetime, end: datetime) -> Sequence[Fired]:
        self._answer()
        self.asked.append((start, end))
        return [one for one in self.history if one.first_at <= end and one.last_at >= start]

    def recorded(self) -> Sequence[Sample]:
        self._answer()
        return list(self.samples)

    def up(self, job: str) -> bool:
        self._answer()
        return job not in self.jobs_down

    def values(self, query: str) -> Sequence[float]:
        self._answer()
        return self.answers.get(query, [])

    def fire(self, labels: Mapping[str, str]) -> None:
        self.fires[_identity(labels)] = dict(labels)

    def clear(self, labels: Mapping[str, str]) -> None:
        self.fires.pop(_identity(labels), None)

    def remember(self, labels: Mapping[str, str], first_at: datetime, last_at: datetime) -> None:
        """Let an alert have fired in a past span."""
        self.history.append(Fired(dict(labels), first_at, last_at))

    def _answer(self) -> None:
        if self.down:
            raise SourceUnavailable("http://prometheus:9090/api/v1/query: ConnectionError")


class Upstream:
    """Both, and what they hold of the alerts that the desk was sent by webhook."""

    def __init__(self, clock: FakeClock) -> None:
        self.alertmanager = FakeAlertmanagers(clock)
        self.prometheus = FakePrometheus()
        self.sources = Sources(self.alertmanager, self.prometheus)

    def sent(self, message: object) -> None:
        """Hold what a webhook message says; what it does not say in Alertmanager's words is left out."""
        alerts = message.get("alerts") if isinstance(message, dict) else None
        for alert in alerts if isinstance(alerts, list) else ():
            if not _understood(alert):
                continue
            labels = {str(name): str(value) for name, value in alert["labels"].items()}
            if labels.get("alertname") == "Watchdog":
                continue
            known: Callable[[Mapping[str, Any]], None] = self.alertmanager.lose
            if alert["status"] == "firing":
                known = self.alertmanager.hold
                self.prometheus.fire(labels)
            else:
                self.prometheus.clear(labels)
            known(alert)


def _understood(alert: object) -> bool:
    return (
        isinstance(alert, dict)
        and {"status", "labels", "annotations", "startsAt", "fingerprint"} <= alert.keys()
        and isinstance(alert["labels"], dict)
        and isinstance(alert["annotations"], dict)
    )


def _identity(labels: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()
