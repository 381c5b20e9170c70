"""Two receivers on one PostgreSQL database: one incident, one page a step, whoever dies or stands still."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from demo.stack.loopback import ADDRESS, free_port
from tests.faults.figures import Figures
from tests.faults.process import FIRST, SECOND, FaultyReceiver, quiet_policy
from tests.faults.provider import Call, InsistentSender, Provider
from tests.faults.storm import RealAlertmanager, distinct, started
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


def test_two_replicas_never_exceed_one_persons_limit(
    tmp_path: Path, postgres_database: str, provider: Provider, runs: int, figures: Figures
) -> None:
    """Both have pages for the same person and channel at the same moment, again and again."""
    limit, per, incidents = 5, 4.0, 40

    def limited(document: dict[str, Any]) -> None:
        quiet_policy(document)
        document["channels"]["pager"]["limit"] = {"messages": limit, "per": f"{per:g}s"}

    with both(tmp_path, postgres_database, provider, limited) as replicas:
        for number in range(min(runs, 10)):
            provider.forget()
            titles = [f"limit {number} of {one}-" for one in range(incidents)]
            with ThreadPoolExecutor(incidents) as alertmanagers:
                for position, title in enumerate(titles):
                    told = alert(title, starts_at=CLOCK.now(), summary=title, severity="critical", service=title)
                    alertmanagers.submit(InsistentSender(replicas[position % 2].url).alerts, told)
            wait_until(lambda: not missing(provider, titles), 2 * PAGED_WITHIN)  # noqa: B023 -- asked now
            settle(replicas[0])
            assert not provider.repeats()
            assert all(mentions(provider, title) == 1 for title in titles), "an incident was named to her twice"
            assert most_within(provider.calls, per) <= limit
        assert {call.path[-2:] for call in provider.calls} == {"/0", "/1"} or runs == 1, "one replica sent everything"
    figures.add("two replicas and one person's limit", "postgresql", min(runs, 10), incidents=incidents)


def test_two_replicas_that_compare_at_once_find_each_missed_alert_once(
    tmp_path: Path,
    postgres_database: str,
    provider: Provider,
    alertmanager_binary: Path,
    runs: int,
    figures: Figures,
) -> None:
    """Alertmanager holds what it never sent; one replica is killed while they look."""
    port, missed = free_port(), 20

    def asks(document: dict[str, Any]) -> None:
        quiet_policy(document)
        document["alertmanager"] = {"urls": [f"http://{ADDRESS}:{port}"]}
        document["reconcile"] = {"every": "1s", "grace": "1s"}

    # It knows whom to tell, and nobody listens there.
    silent = RealAlertmanager(alertmanager_binary, tmp_path / "alertmanager", free_port(), port=port)
    tries = min(runs, 20)
    with started(silent.process), both(tmp_path, postgres_database, provider, asks) as replicas:
        for number in range(tries):
            storm = [distinct(one, summary=f"missed {number} of {one}-", run=str(number)) for one in range(missed)]
            for one in storm:
                one.update(service=f"{one['service']}-{number}", severity="critical")
            silent.post(storm, starts_at=CLOCK.now() - timedelta(seconds=10), lasting=timedelta(hours=1))
            if number % 2:
                replicas[number // 2 % 2].kill()
                replicas[number // 2 % 2].start()
            titles = [one["summary"] for one in storm]
            assert provider.wait_for(lambda _calls: not missing(provider, titles), 2 * PAGED_WITHIN), (  # noqa: B023 -- asked now
                f"lost: {missing(provider, titles)}; told: {[call.subject for call in provider.calls][-30:]}"
            )
        settle(replicas[0])
        ours = [call for call in provider.calls if "missed" in call.subject]
        assert len({call.key for call in ours}) == tries * missed, "an incident was opened twice"
        repeats = sum(provider.repeats().values())
    figures.add("two replicas compare at once", "postgresql", tries, repeats=repeats, alerts=tries * missed)
    assert repeats <= tries


@contextmanager
def both(
    folder: Path, database: str, provider: Provider, change: Callable[[dict[str, Any]], None]
) -> Iterator[list[FaultyReceiver]]:
    """Run two replicas with other settings than most of these tests."""
    replicas = [
        FaultyReceiver(folder / str(number), database, f"{provider.url}/{number}", change=change, armable=False)
        for number in range(2)
    ]
    try:
        for replica in replicas:
            replica.start()
        yield replicas
    finally:
        for replica in replicas:
            replica.kill()


def mentions(provider: Provider, title: str) -> int:
    """How many messages name an incident."""
    return sum(title in json.dumps(call.content) for call in provider.calls)


def missing(provider: Provider, titles: Sequence[str]) -> list[str]:
    said = json.dumps([call.content for call in provider.calls])
    return [title for title in titles if title not in said]


def most_within(calls: Sequence[Call], seconds: float) -> int:
    """Return the largest number of calls in any such span.

    A slot is free again so long after its message was over, which is later than when it came.
    """
    moments = sorted(call.at for call in calls)
    return max(sum(first <= at < first + seconds for at in moments) for first in moments)
