"""The provider fails: it answers 500 or 429, hangs, resets, or takes the page and nobody hears it.

The person's next way is taken, at once where the failure is known and within the minute where it is not, and the page
that failed goes out by its first way too once the provider works again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.figures import Figures
from tests.faults.process import FIRST, FaultyReceiver, quiet_policy
from tests.faults.provider import Answer, Call, InsistentSender, Provider
from tests.receiver import alert
from tests.waiting import wait_until
from wedsync_core.clock import SystemClock

pytestmark = [pytest.mark.real, pytest.mark.faults]

CLOCK = SystemClock()
SECOND_WAY_WITHIN = 60.0
"""What is promised: GoAlert and PagerDuty name a minute too."""
TIMEOUT = 1


def two_ways(url: str) -> Callable[[dict[str, Any]], None]:
    """Give the first person a second channel, at the same provider under another path; hanging is found out soon."""

    def change(document: dict[str, Any]) -> None:
        quiet_policy(document)
        pager = document["channels"]["pager"]
        document["channels"] = {
            "pager": {**pager, "url": f"{url}/pager", "timeout": f"{TIMEOUT}s"},
            "second": {**pager, "url": f"{url}/second"},
        }
        document["people"][FIRST]["contact"] = [
            {"channel": "pager", "address": FIRST, "severities": ["critical", "high"]},
            {"channel": "second", "address": FIRST, "severities": ["medium", "low"]},
        ]

    return change


def by(provider: Provider, way: str, title: str) -> list[Call]:
    return [call for call in provider.calls if call.path.endswith(way) and title in call.subject]


class Failing:
    """How the pager answers; the second way always works."""

    def __init__(self, status: int, *, hangs: bool = False) -> None:
        self._status = status
        self._hangs = hangs
        self._over = threading.Event()
        self.taken: list[Call] = []
        """The pager's calls that were answered well after all."""

    def __call__(self, call: Call) -> int:
        if call.path.endswith("/second"):
            return 200
        if self._hangs:
            self._over.wait(30)
        if not self._over.is_set():
            return self._status
        self.taken.append(call)
        return 200

    def mend(self) -> None:
        self._over.set()


FAULTS: dict[str, Callable[[], Failing]] = {
    "answers 500": lambda: Failing(500),
    "answers 429": lambda: Failing(429),
    "hangs": lambda: Failing(200, hangs=True),
}


@pytest.fixture
def receiver(database_url: str, tmp_path: Path, provider: Provider) -> Iterator[FaultyReceiver]:
    receiver = FaultyReceiver(tmp_path, database_url, provider.url, change=two_ways(provider.url), armable=False)
    receiver.start()
    yield receiver
    receiver.kill()


def test_the_next_way_is_taken_and_the_first_one_not_given_up(
    receiver: FaultyReceiver, provider: Provider, runs: int, figures: Figures
) -> None:
    for fault, failing in FAULTS.items():
        waits, repeats = [], 0
        for number in range(min(runs, 20)):
            title = f"{fault} {number}-"
            pager = failing()
            began = CLOCK.monotonic()
            tell(receiver, provider, title, pager)
            assert provider.wait_for(
                lambda _calls: bool(by(provider, "/second", title)),  # noqa: B023 -- asked now
                SECOND_WAY_WITHIN,
            ), f"lost: {title}"
            waits.append(by(provider, "/second", title)[0].at - began)
            assert by(provider, "/pager", title)
            assert not pager.taken
            pager.mend()
            wait_until(lambda: bool(pager.taken), SECOND_WAY_WITHIN)  # noqa: B023 -- asked now
            wait_until(lambda: receiver.metric("wedsync_outbox_depth") == 0, SECOND_WAY_WITHIN)
            assert len({call.key for call in by(provider, "/pager", title)}) == 1
            repeats += len(by(provider, "/second", title)) - 1
        assert repeats == 0
        figures.add(
            f"a provider that {fault}",
            "sqlite" if "sqlite" in receiver.database_url else "postgresql",
            len(waits),
            repeats=repeats,
            slowest=max(waits),
        )


def test_a_page_that_was_taken_and_never_heard_goes_the_next_way_within_the_minute(
    receiver: FaultyReceiver, provider: Provider, runs: int, figures: Figures
) -> None:
    """Nothing failed, and nobody answered. All at once: one minute for as many incidents as are tried."""
    if runs == 1:
        pytest.skip("it takes most of a minute: make faults tries it")
    titles = [f"unheard {number}-" for number in range(min(runs, 20))]
    began = CLOCK.monotonic()
    for title in titles:
        tell(receiver, provider, title, lambda _call: 200)

    def all_twice(_calls: list[Call]) -> bool:
        return all(by(provider, way, title) for title in titles for way in ("/pager", "/second"))

    assert provider.wait_for(all_twice, SECOND_WAY_WITHIN + len(titles)), "lost"
    waits = [by(provider, "/second", title)[0].at - by(provider, "/pager", title)[0].at for title in titles]
    assert all(len(by(provider, way, title)) == 1 for title in titles for way in ("/pager", "/second"))
    figures.add(
        "a provider that takes pages nobody hears",
        "sqlite" if "sqlite" in receiver.database_url else "postgresql",
        len(titles),
        slowest=max(waits),
        took=CLOCK.monotonic() - began,
    )


def tell(receiver: FaultyReceiver, provider: Provider, title: str, answer: Answer) -> None:
    provider.answer = answer
    told = alert(title, starts_at=CLOCK.now(), summary=title, severity="critical", service=title)
    InsistentSender(receiver.url).alerts(told)
