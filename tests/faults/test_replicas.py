"""Two receivers on one PostgreSQL database: one incident, one page a step, whoever dies or stands still."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.figures import Figures
from tests.faults.process import FIRST, SECOND, FaultyReceiver
from tests.faults.provider import Call, InsistentSender, Provider
from tests.receiver import alert
from tests.waiting import wait_until
from wedsync_core.clock import SystemClock

pytestmark = [pytest.mark.real, pytest.mark.faults]

CLOCK = SystemClock()
AT_ONCE = 100
PAGED_WITHIN = 30.0
LEASE = 30.0


@pytest.fixture
def replicas(tmp_path: Path, postgres_database: str, provider: Provider) -> Iterator[list[FaultyReceiver]]:
    started = [
        FaultyReceiver(tmp_path / str(number), postgres_database, f"{provider.url}/{number}") for number in range(2)
    ]
    for replica in started:
        replica.start()
    yield started
    for replica in started:
        replica.kill()


def both_told(provider: Provider, title: str) -> bool:
    return provider.people_told(title) == {FIRST, SECOND}


def settle(replica: FaultyReceiver) -> None:
    wait_until(lambda: replica.metric("wedsync_outbox_depth") == 0, PAGED_WITHIN)


def test_the_same_message_a_hundred_times_at_once_is_one_incident_and_one_page_a_step(
    replicas: list[FaultyReceiver], provider: Provider, runs: int, figures: Figures
) -> None:
    for number in range(runs):
        title = f"at once {number}-"
        told = alert(title, starts_at=CLOCK.now(), summary=title, severity="critical", service=title)
        with ThreadPoolExecutor(AT_ONCE) as alertmanagers:
            sent = [
                alertmanagers.submit(InsistentSender(replicas[copy % 2].url).alerts, told) for copy in range(AT_ONCE)
            ]
            for one in sent:
                one.result()
        wait_until(lambda: both_told(provider, title), PAGED_WITHIN)  # noqa: B023 -- asked now
        settle(replicas[0])
        calls = [call for call in provider.calls if title in call.subject]
        assert sorted(call.person for call in calls) == [FIRST, SECOND]
    figures.add("the same message 100 times at once on two replicas", "postgresql", runs)


def test_what_a_killed_replica_was_sending_goes_on_at_once(
    replicas: list[FaultyReceiver], provider: Provider, runs: int, figures: Figures
) -> None:
    waits = []
    for number in range(runs):
        title = f"taken over {number}-"
        for replica in replicas:
            replica.disarm()
        died = struck(replicas, provider, title, pause=False)
        survivor = next(replica for replica in replicas if replica is not died)
        died.kill()
        gone = CLOCK.monotonic()
        wait_until(lambda: len(first_calls(provider, title)) == 2, PAGED_WITHIN)  # noqa: B023 -- asked now
        waits.append(first_calls(provider, title)[1].at - gone)
        wait_until(lambda: both_told(provider, title), PAGED_WITHIN)  # noqa: B023 -- asked now
        settle(survivor)
        assert len({call.key for call in first_calls(provider, title)}) == 1
        assert first_calls(provider, title)[1].maybe_repeat
        died.start()
    figures.add("a replica killed while sending", "postgresql", runs, repeats=runs, slowest=max(waits))
    assert max(waits) < LEASE / 2, "the lease was waited for"


def test_a_replica_that_stood_still_past_its_lease_changes_nothing(
    replicas: list[FaultyReceiver], provider: Provider, runs: int, figures: Figures
) -> None:
    if runs == 1:
        pytest.skip("it takes as long as a lease: make faults tries it")
    title = "stood still-"
    still = struck(replicas, provider, title, pause=True)
    other = next(replica for replica in replicas if replica is not still)
    wait_until(lambda: len(first_calls(provider, title)) == 2, LEASE + PAGED_WITHIN)
    wait_until(lambda: both_told(provider, title), PAGED_WITHIN)
    settle(other)
    still.resume()
    wait_until(still.ready, PAGED_WITHIN)
    settle(still)
    calls = first_calls(provider, title)
    assert [call.key for call in calls] == [calls[0].key] * 2, "once by each, under one key, and not again"
    figures.add("a replica paused past its lease", "postgresql", 1, repeats=1)


def first_calls(provider: Provider, title: str) -> list[Call]:
    return [call for call in provider.calls if title in call.subject and call.person == FIRST]


def struck(replicas: list[FaultyReceiver], provider: Provider, title: str, *, pause: bool) -> FaultyReceiver:
    """Have whichever replica calls the provider first killed, or paused, in that call; returns it."""
    hit: list[FaultyReceiver] = []

    def strike(call: Call) -> int:
        if title in call.subject and not hit:
            hit.append(replicas[int(call.path.rpartition("/")[2])])
            if pause:
                hit[0].pause()
            else:
                hit[0].strike()
        return 200

    provider.answer = strike
    told = alert(title, starts_at=CLOCK.now(), summary=title, severity="critical", service=title)
    InsistentSender(replicas[0].url).alerts(told)
    wait_until(lambda: bool(hit), PAGED_WITHIN)
    return hit[0]
