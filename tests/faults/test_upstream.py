"""What sends to the receiver dies, or the receiver is away: a pair of Alertmanagers, a dead Prometheus, a life unseen.

Real Prometheus and Alertmanager, with times compressed twelvefold: alerts are sent again every 5 s instead of every
minute, so that Prometheus' word holds for 20 s instead of four minutes, and the Watchdog is late after 12 s, not 150.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from demo.stack.loopback import ADDRESS, answering, free_port
from demo.stack.processes import Process
from demo.stack.weddings import wedding_list
from tests.faults.process import FIRST, FaultyReceiver
from tests.faults.provider import Provider
from tests.faults.storm import CLOCK, PATIENCE, RealAlertmanager, active, distinct, one_step, started
from tests.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.faults]

QUICK_ROUTES: dict[str, Any] = {
    "receiver": "receiver",
    "group_by": ["alertname", "service", "instance"],
    "group_wait": "0s",
    "group_interval": "1s",
    "repeat_interval": "2s",
}
"""One route, no waiting, everything repeated every two seconds: sightings come as often as in minutes otherwise."""
PAIR_ALERTS = 200


def incidents(receiver: FaultyReceiver, path: str = "/incidents/active") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = receiver.get(f"/api/monitoring{path}").json()
    return found


def titled(receiver: FaultyReceiver, words: str) -> list[dict[str, Any]]:
    return [one for one in incidents(receiver) if words in one["title"]]


def told_of(provider: Provider, words: str) -> bool:
    return any(words in json.dumps(call.content) for call in provider.calls)


def prometheus(program: Path, folder: Path, port: int, alertmanager_port: int, rules: list[dict[str, Any]]) -> Process:
    folder.mkdir()
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "faults", "rules": rules}]}))
    configuration = {
        "global": {"evaluation_interval": "1s", "scrape_interval": "1s"},
        "rule_files": [str(folder / "rules.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"{ADDRESS}:{alertmanager_port}"]}]}]},
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    return Process(
        name="Prometheus",
        argv=[
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={ADDRESS}:{port}",
            "--rules.alert.resend-delay=5s",
        ],
        ready=answering(port, "/-/ready"),
        log_path=folder / "prometheus.log",
        cwd=folder,
    )


def rule(name: str, expression: str, severity: str, **labels: str) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        "labels": {"severity": severity, **labels},
        "annotations": {"summary": f"{name} is real"},
    }


WATCHDOG = rule("Watchdog", "vector(1)", "none")
UPLOADS = {"service": "photos", "type": "service_failure", "affects": "photo_upload", "region": "london"}


class Chain:
    """Prometheus, Alertmanager and the receiver in a row, each to be killed and started by itself."""

    def __init__(self, folder: Path, database: str, provider: Provider, programs: tuple[Path, Path]) -> None:
        self._folder = folder
        self._program, alertmanager = programs
        self._port, port = free_port(), free_port()
        weddings = folder / "weddings.csv"
        weddings.write_text(wedding_list(CLOCK.now()))

        def asks(document: dict[str, Any]) -> None:
            one_step(document)
            document["prometheus"] = {"url": f"http://{ADDRESS}:{self._port}"}
            document["alertmanager"] = {"urls": [f"http://{ADDRESS}:{port}"]}
            document["reconcile"] = {"every": "1s", "grace": "5s"}
            document["watchdog"] = {"late_after": "12s"}
            # Somebody marries in London now: what fails there is critical on every day of the week.
            document["calendar"]["weddings"] = {"location": str(weddings)}

        self.receiver = FaultyReceiver(folder / "receiver", database, provider.url, change=asks, armable=False)
        self.alertmanager = RealAlertmanager(
            alertmanager, folder / "alertmanager", self.receiver.port, routes=QUICK_ROUTES, port=port
        )

    def prometheus(self, *rules: dict[str, Any]) -> Process:
        folder = self._folder / "prometheus"
        return prometheus(self._program, folder, self._port, self.alertmanager.port, list(rules))

    def evaluate(self, *rules: dict[str, Any]) -> None:
        """Write other rules for Prometheus, which reads them when it is told to."""
        (self._folder / "prometheus" / "rules.yml").write_text(
            yaml.safe_dump({"groups": [{"name": "faults", "rules": list(rules)}]})
        )


@pytest.fixture
def chain(
    tmp_path: Path, database_url: str, provider: Provider, prometheus_binary: Path, alertmanager_binary: Path
) -> Iterator[Chain]:
    chain = Chain(tmp_path, database_url, provider, (prometheus_binary, alertmanager_binary))
    yield chain
    chain.receiver.kill()


def test_prometheus_dies_while_an_incident_is_open(chain: Chain, provider: Provider) -> None:
    """A dead Prometheus looks like "all resolved" after 20 s here. It proves nothing."""
    failing = rule("UploadsFail", "vector(1)", "critical", **UPLOADS)
    chain.receiver.start()
    with started(chain.alertmanager.process), started(chain.prometheus(WATCHDOG, failing)) as server:
        wait_until(lambda: bool(titled(chain.receiver, "UploadsFail")), PATIENCE)
        wait_until(lambda: told_of(provider, "UploadsFail"), PATIENCE)

        server.kill()

        wait_until(lambda: told_of(provider, "Nobody is watching"), PATIENCE)
        # Alertmanager has long believed it and said so: the end of the alert is what must not be believed.
        wait_until(lambda: not _firing(chain.alertmanager), PATIENCE)
        passes = _passes(chain.receiver)
        wait_until(lambda: _passes(chain.receiver) >= passes + 3, PATIENCE)
        (incident,) = titled(chain.receiver, "UploadsFail")
        assert (incident["status"], incident["severity"]) == ("open", "critical")

        server.start()
        wait_until(lambda: not titled(chain.receiver, "Nobody is watching"), PATIENCE)
        (incident,) = titled(chain.receiver, "UploadsFail")
        assert incident["status"] == "open"


def _firing(alertmanager: RealAlertmanager) -> list[Any]:
    alerts: list[Any] = requests.get(f"http://{ADDRESS}:{alertmanager.port}/api/v2/alerts", timeout=10).json()
    return alerts


def _passes(receiver: FaultyReceiver) -> float:
    """When Alertmanager last answered the receiver's question, in seconds: it asks every second."""
    return receiver.metric('wedsync_reconcile_last_success_timestamp_seconds{source="alertmanager"}')


def test_the_receiver_is_away_for_an_alerts_whole_life(chain: Chain, provider: Provider, runs: int) -> None:
    """Alertmanager tells nobody of it afterwards; Prometheus remembers."""
    now = CLOCK.now().timestamp()
    first, lasts = 25, 6
    lives = [
        rule(
            f"Brief{number}",
            f"vector(time()) >= {now + first + 2 * number} < {now + first + 2 * number + lasts}",
            "critical",
            **UPLOADS,
        )
        for number in range(runs)
    ]
    chain.receiver.start()
    with started(chain.alertmanager.process), started(chain.prometheus(WATCHDOG, *lives)):
        # It has seen that all is well, and goes.
        wait_until(lambda: _passes(chain.receiver) > 0, PATIENCE)
        wait_until(lambda: chain.receiver.metric("wedsync_watchdog_last_seen_timestamp_seconds") > 0, PATIENCE)
        assert not titled(chain.receiver, "Brief")
        chain.receiver.kill()
        assert CLOCK.now().timestamp() < now + first, "the machine was too slow for this test: the life had begun"

        over = now + first + 2 * runs + lasts + 6
        wait_until(lambda: CLOCK.now().timestamp() > over, PATIENCE)
        wait_until(
            lambda: all(one["labels"]["alertname"] == "Watchdog" for one in _firing(chain.alertmanager)), PATIENCE
        )
        assert not told_of(provider, "Brief")
        chain.receiver.start()

        for number in range(runs):
            wait_until(lambda number=number: told_of(provider, f"Brief{number}"), PATIENCE)  # type: ignore[misc]


def silence(alertmanager: RealAlertmanager, name: str) -> None:
    """Have an Alertmanager say nothing of an alert for an hour."""
    body = {
        "matchers": [{"name": "alertname", "value": name, "isRegex": False, "isEqual": True}],
        "startsAt": CLOCK.now().isoformat(),
        "endsAt": (CLOCK.now() + timedelta(hours=1)).isoformat(),
        "createdBy": "noor",
        "comment": "known",
    }
    posted = requests.post(f"http://{ADDRESS}:{alertmanager.port}/api/v2/silences", json=body, timeout=10)
    assert posted.ok, posted.text


def test_a_silenced_alert_ends_and_alertmanager_never_says_so(chain: Chain, provider: Provider) -> None:
    failing = rule("UploadsFail", "vector(1)", "critical", **UPLOADS)
    with started(chain.alertmanager.process), started(chain.prometheus(WATCHDOG, failing)) as server:
        chain.receiver.start()
        wait_until(lambda: told_of(provider, "UploadsFail"), PATIENCE)
        silence(chain.alertmanager, "UploadsFail")
        wait_until(lambda: titled(chain.receiver, "UploadsFail")[0]["suppressed_by"] is not None, PATIENCE)

        chain.evaluate(WATCHDOG)
        os.kill(server.pid, signal.SIGHUP)

        wait_until(lambda: not titled(chain.receiver, "UploadsFail"), PATIENCE)
        listed = chain.receiver.get("/api/monitoring/incidents").json()["incidents"]
        (incident,) = [one for one in listed if "UploadsFail" in one["title"]]
        assert (incident["status"], incident["resolved_by"]) == ("resolved", "reconciler")


def test_the_alertmanager_that_debian_packages(
    tmp_path: Path, database_url: str, provider: Provider, packaged_alertmanager: Path
) -> None:
    """0.25 on Debian 12, with the shipped routes: it sends, is asked, is silenced, and sends the end."""
    port = free_port()

    def asks(document: dict[str, Any]) -> None:
        one_step(document)
        document["alertmanager"] = {"urls": [f"http://{ADDRESS}:{port}"]}
        document["reconcile"] = {"every": "1s", "grace": "1s"}

    receiver = FaultyReceiver(tmp_path / "receiver", database_url, provider.url, change=asks, armable=False)
    alertmanager = RealAlertmanager(packaged_alertmanager, tmp_path / "alertmanager", receiver.port, port=port)
    receiver.start()
    try:
        with started(alertmanager.process):
            failing = {"alertname": "UploadsFail", "severity": "critical", **UPLOADS}
            other = {**failing, "alertname": "PaymentsFail", "service": "payment", "affects": "payment"}
            began = CLOCK.now()
            alertmanager.post([failing, other], starts_at=began, lasting=timedelta(hours=1))
            wait_until(lambda: told_of(provider, "UploadsFail") and told_of(provider, "PaymentsFail"), PATIENCE)
            silence(alertmanager, "PaymentsFail")
            wait_until(lambda: titled(receiver, "PaymentsFail")[0]["suppressed_by"] is not None, PATIENCE)
            alertmanager.post([failing], starts_at=began, lasting=timedelta(seconds=-1))
            wait_until(lambda: _heard_the_end(receiver), PATIENCE)
            answer = requests.get(f"http://{ADDRESS}:{port}/api/v2/status", timeout=10).json()
            print(f"Alertmanager {answer['versionInfo']['version']} on the wire")
    finally:
        receiver.kill()


def _heard_the_end(receiver: FaultyReceiver) -> bool:
    return receiver.metric('wedsync_alerts_received_total{status="resolved"}') >= 1


def test_one_of_a_pair_of_alertmanagers_dies_while_sending(
    tmp_path: Path, database_url: str, provider: Provider, alertmanager_binary: Path, runs: int
) -> None:
    """Each of two hundred alerts is recorded, and nobody is told twice, whoever told us."""
    receiver = FaultyReceiver(tmp_path / "receiver", database_url, provider.url, change=one_step, armable=False)
    receiver.start()
    try:
        for number in range(runs):
            cluster = [free_port(), free_port()]
            pair = [
                RealAlertmanager(
                    alertmanager_binary,
                    tmp_path / f"alertmanager-{number}-{name}",
                    receiver.port,
                    cluster_port=mine,
                    peers=[port for port in cluster if port != mine],
                )
                for name, mine in zip(("a", "b"), cluster, strict=True)
            ]
            with ExitStack() as stack:
                for one in pair:
                    stack.enter_context(started(one.process))
                known = active(receiver)
                storm = [
                    distinct(alert, run=str(number), service=f"run-{number}-{alert}") for alert in range(PAIR_ALERTS)
                ]
                for one in pair:
                    one.post(storm, starts_at=CLOCK.now(), lasting=timedelta(hours=1))
                wait_until(lambda known=known: active(receiver) > known + PAIR_ALERTS // 10, PATIENCE)  # type: ignore[misc]
                pair[0].process.kill()
                wait_until(lambda known=known: active(receiver) == known + PAIR_ALERTS, PATIENCE)  # type: ignore[misc]
        wait_until(lambda: receiver.metric("wedsync_outbox_depth") == 0, PATIENCE)
        assert active(receiver) == runs * PAIR_ALERTS
        told = Counter(call.key for call in provider.calls)
        assert set(told.values()) == {1}
        assert {call.person for call in provider.calls} == {FIRST}
    finally:
        receiver.kill()
