"""The receiver is killed at every named step. Nothing it accepted is lost; what is said twice has the same key.

Judged by the provider's record and by what was answered 2xx, never by the receiver's own tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.process import FIRST, SECOND, FaultyReceiver
from tests.faults.provider import Call, InsistentSender, Provider
from tests.receiver import alert
from wedsync_core.clock import SystemClock

pytestmark = [pytest.mark.real, pytest.mark.faults]

STEPS = (
    "request_read",
    "inbox_committing",
    "inbox_committed",
    "parsed",
    "incident_committing",
    "incident_committed",
    "answered",
    "step_committing",
    "step_committed",
    "claim_committed",
    "provider_called",
    "provider_answered",
    "mark_committed",
)
PAGED_WITHIN = 30.0
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def lasting_provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def receiver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, lasting_provider: Provider
) -> Iterator[FaultyReceiver]:
    """A receiver that lives, between its deaths, through all tests on one database."""
    folder: Path = tmp_path_factory.mktemp(f"killed-{request.param}")
    if request.param == "sqlite":
        started = FaultyReceiver(folder, f"sqlite:///{folder / 'incidents.sqlite'}", lasting_provider.url)
        started.start()
        yield started
        started.kill()
        return
    with request.getfixturevalue("postgres_cluster").database() as url:
        started = FaultyReceiver(folder, url, lasting_provider.url)
        started.start()
        yield started
        started.kill()


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_loses_no_page_and_repeats_one_at_most(
    step: str, receiver: FaultyReceiver, lasting_provider: Provider, runs: int
) -> None:
    for number in range(runs):
        title = f"{step} {number} on {receiver.port}"
        die_once(receiver, lasting_provider, step, title)
        judge(lasting_provider, title)


def die_once(receiver: FaultyReceiver, provider: Provider, step: str, title: str) -> None:
    """Send an alert to a receiver that dies of it, start it again, and insist until the alert is accepted."""
    sender = InsistentSender(receiver.url)
    told = alert(title, starts_at=CLOCK.now(), summary=title, severity="critical")
    if step == "provider_called":
        provider.answer = lambda _call: strike(receiver, provider)
    else:
        receiver.arm(step)
    with ThreadPoolExecutor(1) as alertmanager:
        accepted = alertmanager.submit(sender.alerts, told)
        receiver.wait_until_dead()
        receiver.start()
        accepted.result()


def strike(receiver: FaultyReceiver, provider: Provider) -> int:
    provider.answer = lambda _call: 200
    receiver.strike()
    return 200


def judge(provider: Provider, title: str) -> None:
    def everybody(calls: list[Call]) -> bool:
        return {call.person for call in calls if call.subject.endswith(title)} == {FIRST, SECOND}

    assert provider.wait_for(everybody, PAGED_WITHIN), f"lost: only {provider.people_told(title)} heard of {title}"
    keys = {(call.person, call.key) for call in provider.calls if call.subject.endswith(title)}
    assert len(keys) == 2, f"a page came again under another key: {sorted(keys)}"
    assert sum(provider.repeats(title).values()) <= 1
