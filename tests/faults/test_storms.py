"""Storms: thousands of alerts in one message, in as many messages, and all of it again after a crash upstream.

Judged by what was answered, by the provider's record, and by the number of incidents the API tells.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults.process import FIRST, FaultyReceiver
from tests.faults.provider import InsistentSender, Provider
from tests.faults.storm import (
    CLOCK,
    PATIENCE,
    RealAlertmanager,
    active,
    distinct,
    one_step,
    processes_memory,
    recorded,
    started,
    storm_size,
)
from tests.receiver import alert, webhook
from tests.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.faults]

CRITICAL: dict[str, Any] = {"severity": "critical", "service": "photos", "affects": "photo_upload", "region": "london"}
TITLE = "Photo uploads fail in London"


@pytest.fixture
def receiver(tmp_path: Path, database_url: str, provider: Provider) -> Iterator[FaultyReceiver]:
    receiver = FaultyReceiver(tmp_path, database_url, provider.url, change=one_step, armable=False)
    receiver.start()
    yield receiver
    receiver.kill()


def told_of(provider: Provider, title: str) -> bool:
    """Whether somebody was told of an incident, in a message of its own or by name in a bundle."""
    return any(title in json.dumps(call.content) for call in provider.calls)


def test_thousands_of_alerts_in_one_message(receiver: FaultyReceiver, provider: Provider) -> None:
    size = storm_size()
    now = CLOCK.now()
    storm = [alert(starts_at=now, **distinct(number)) for number in range(size - 1)]
    storm.insert(size // 2, alert("WorkflowFailing", starts_at=now, summary=TITLE, **CRITICAL))
    before = processes_memory(receiver.process.pid)
    began = CLOCK.monotonic()

    InsistentSender(receiver.url).alerts(*storm, seconds=PATIENCE)

    answered = CLOCK.monotonic()
    wait_until(lambda: told_of(provider, TITLE), PATIENCE)
    paged = CLOCK.monotonic()
    wait_until(lambda: active(receiver) == size, PATIENCE)
    grown = (processes_memory(receiver.process.pid) - before) / 2**20
    bytes_sent = len(json.dumps(webhook(*storm)))
    print(
        f"{size} alerts, {bytes_sent} bytes: 2xx after {answered - began:.1f} s, critical page after "
        f"{paged - began:.1f} s, memory grew by {grown:.0f} MiB"
    )

    wait_until(lambda: _quiet(receiver), PATIENCE)
    told = Counter(call.key for call in provider.calls)
    InsistentSender(receiver.url).alerts(*storm, seconds=PATIENCE)
    wait_until(lambda: _quiet(receiver), PATIENCE)
    assert active(receiver) == size
    assert Counter(call.key for call in provider.calls) == told
    assert set(told.values()) == {1}


def test_thousands_of_messages_and_all_of_them_again(
    receiver: FaultyReceiver, provider: Provider, alertmanager_binary: Path, tmp_path: Path
) -> None:
    """Alertmanager's log of notifications dies with it: after the crash it says everything once more."""
    size = storm_size()
    storm = [distinct(number) for number in range(size - 1)]
    critical = {"alertname": "WorkflowFailing", "summary": TITLE, **CRITICAL}
    now, lasting = CLOCK.now(), timedelta(hours=1)
    alertmanager = RealAlertmanager(alertmanager_binary, tmp_path / "alertmanager", receiver.port)
    with started(alertmanager.process) as process:
        began = CLOCK.monotonic()
        alertmanager.post(storm, starts_at=now - timedelta(minutes=1), lasting=lasting)
        wait_until(lambda: active(receiver) >= size // 10, PATIENCE)
        alertmanager.post([critical], starts_at=CLOCK.now(), lasting=lasting)
        posted = CLOCK.monotonic()
        wait_until(lambda: told_of(provider, TITLE), PATIENCE)
        paged = CLOCK.monotonic()
        wait_until(lambda: active(receiver) == size, PATIENCE)
        done = CLOCK.monotonic()
        print(
            f"{size} messages: all recorded after {done - began:.1f} s; the critical one, posted after "
            f"{posted - began:.1f} s, was on the pager {paged - posted:.1f} s later"
        )
        wait_until(lambda: _quiet(receiver), PATIENCE)
        told = Counter(call.key for call in provider.calls)

        process.kill()
        heard = recorded(receiver)
        process.start()
        alertmanager.post([*storm, critical], starts_at=now - timedelta(minutes=1), lasting=lasting)
        wait_until(lambda: recorded(receiver) >= heard + size, PATIENCE)
        wait_until(lambda: _quiet(receiver), PATIENCE)

    assert active(receiver) == size
    assert Counter(call.key for call in provider.calls) == told
    assert {call.person for call in provider.calls} == {FIRST}


def _quiet(receiver: FaultyReceiver) -> bool:
    """Whether every page that was due has gone out: first that no step is due, then that no page of one waits."""
    return receiver.metric("wedsync_escalation_overdue_seconds") == 0 and receiver.metric("wedsync_outbox_depth") == 0
