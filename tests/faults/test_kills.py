"""The receiver is killed at every named step. Nothing it accepted is lost; what is said twice has the same key.

Judged by the provider's record and by what was answered 2xx, never by the receiver's own tables.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.figures import Figures
from tests.faults.process import FIRST, SECOND, SECOND_STEP, FaultyReceiver
from tests.faults.provider import Call, InsistentSender, Provider
from tests.receiver import alert
from tests.waiting import wait_until
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
    step: str, receiver: FaultyReceiver, lasting_provider: Provider, runs: int, figures: Figures
) -> None:
    repeats, waits = [], []
    for number in range(runs):
        title = f"{step} {number} on {receiver.port}"
        up_again = die_once(receiver, lasting_provider, step, title, whole=whole_group(number, runs))
        waits.append(judge(receiver, lasting_provider, title) - up_again)
        repeats.append(sum(lasting_provider.repeats(title).values()))
        lasting_provider.forget()
    figures.add(f"kill at {step}", database_of(receiver), runs, repeats=sum(repeats), slowest=max(waits))
    assert max(repeats) <= 1


@pytest.mark.parametrize("moment", ["committing", "committed"])
def test_a_kill_at_an_acknowledgement_tells_nobody_else(
    moment: str, receiver: FaultyReceiver, lasting_provider: Provider, runs: int, figures: Figures
) -> None:
    repeats = 0
    for number in range(runs):
        title = f"acknowledged {moment} {number} on {receiver.port}"
        sender = InsistentSender(receiver.url)
        sender.alerts(alert(title, starts_at=CLOCK.now(), summary=title, severity="critical"))
        wait_until(lambda: FIRST in lasting_provider.people_told(title), PAGED_WITHIN)  # noqa: B023 -- asked now
        (incident,) = {call.content["incident_id"] for call in lasting_provider.calls if call.subject.endswith(title)}
        whole = whole_group(number, runs)
        receiver.arm(f"acknowledgement_{moment}", whole=whole)
        with ThreadPoolExecutor(1) as noor:
            accepted = noor.submit(sender.post, f"/incidents/{incident}/acknowledge", {"by": FIRST})
            receiver.wait_until_dead(whole=whole)
            receiver.come_back(whole=whole)
            assert accepted.result().json()["acknowledged"] is True
        settle(receiver)
        told = lasting_provider.people_told(title)
        threading.Event().wait(SECOND_STEP + 1)
        assert lasting_provider.people_told(title) == told, "somebody was told after it had been acknowledged"
        repeats += sum(lasting_provider.repeats(title).values())
        lasting_provider.forget()
    figures.add(f"kill at acknowledgement_{moment}", database_of(receiver), runs, repeats=repeats)
    assert repeats == 0


def whole_group(number: int, runs: int) -> bool:
    """Every fifth time everything dies, gunicorn's master included; else the worker alone, and another follows."""
    return runs > 1 and number % 5 == 0


def die_once(receiver: FaultyReceiver, provider: Provider, step: str, title: str, *, whole: bool) -> float:
    """Send an alert to a receiver that dies of it, start it again, and insist until the alert is accepted.

    Returns when it was up again.
    """
    sender = InsistentSender(receiver.url)
    alerts = [alert(title, starts_at=CLOCK.now(), summary=title, severity="critical")]
    if step.startswith("inbox_"):
        # So many that they do not fit into the transaction that keeps them.
        alerts += [alert(f"Quiet{number}", starts_at=CLOCK.now(), severity="info") for number in range(600)]
    if step == "provider_called":
        provider.answer = lambda _call: strike(receiver, provider, whole=whole)
        receiver.arm("never", whole=whole)
    else:
        receiver.arm(step, whole=whole)
    with ThreadPoolExecutor(1) as alertmanager:
        accepted = alertmanager.submit(sender.alerts, *alerts)
        receiver.wait_until_dead(whole=whole)
        receiver.come_back(whole=whole)
        up_again = CLOCK.monotonic()
        accepted.result()
    return up_again


def strike(receiver: FaultyReceiver, provider: Provider, *, whole: bool) -> int:
    provider.answer = lambda _call: 200
    receiver.disarm()
    receiver.strike(whole=whole)
    return 200


def judge(receiver: FaultyReceiver, provider: Provider, title: str) -> float:
    """Fail unless both were told, each under one key; returns when the first of them was."""

    def everybody(calls: list[Call]) -> bool:
        return {call.person for call in calls if call.subject.endswith(title)} == {FIRST, SECOND}

    assert provider.wait_for(everybody, PAGED_WITHIN), f"lost: only {provider.people_told(title)} heard of {title}"
    settle(receiver)
    calls = [call for call in provider.calls if call.subject.endswith(title)]
    keys = {(call.person, call.key) for call in calls}
    assert len(keys) == 2, f"a page came again under another key: {sorted(keys)}"
    again = [call for position, call in enumerate(calls) if call.key in {one.key for one in calls[:position]}]
    assert all(call.maybe_repeat for call in again), "a repeat must say that it may be one"
    return min(call.at for call in calls)


def settle(receiver: FaultyReceiver) -> None:
    """Wait until nothing is left to send: a repeat would have come by now."""
    wait_until(lambda: receiver.metric("wedsync_outbox_depth") == 0, PAGED_WITHIN)


def database_of(receiver: FaultyReceiver) -> str:
    return "postgresql" if "postgresql" in receiver.database_url else "sqlite"
