"""The receiver is killed at moments that nobody chose, while fifty alerts a second come in."""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.figures import Figures
from tests.faults.process import FIRST, FaultyReceiver, quiet_policy
from tests.faults.provider import Call, InsistentSender, Provider
from tests.receiver import alert
from wedsync_core.clock import SystemClock

pytestmark = [pytest.mark.real, pytest.mark.faults]

PER_SECOND = 50
TITLE = re.compile(r"alert-\d+-")
BETWEEN_KILLS = (0.2, 1.2)
"""Seconds after the receiver is up again."""
PAGED_WITHIN = 180.0
CLOCK = SystemClock()


def told_of(calls: list[Call]) -> set[str]:
    """The alerts of ours that somebody was told of by name; what the receiver tells of itself is not among them."""
    return {word for call in calls if call.person == FIRST for word in TITLE.findall(call.subject)}


def test_kills_at_any_moment_under_fifty_alerts_a_second(
    database_url: str, tmp_path: Path, provider: Provider, runs: int, figures: Figures
) -> None:
    kills = 2 if runs == 1 else runs * 4
    receiver = FaultyReceiver(tmp_path, database_url, provider.url, change=quiet_policy)
    receiver.start()
    sent: list[str] = []
    over = threading.Event()

    def send(number: int) -> None:
        title = f"alert-{number}-"
        told = alert(f"Random{number}", starts_at=CLOCK.now(), summary=title, severity="critical", service=title)
        InsistentSender(receiver.url).alerts(told, seconds=120)

    def stream() -> None:
        with ThreadPoolExecutor(PER_SECOND) as alertmanager:
            waiting = []
            while not over.wait(1 / PER_SECOND):
                sent.append(f"alert-{len(sent)}-")
                waiting.append(alertmanager.submit(send, len(sent) - 1))
            for one in waiting:
                one.result()

    chance = random.Random(2026)
    with ThreadPoolExecutor(1) as streaming:
        streamed = streaming.submit(stream)
        try:
            for number in range(kills):
                threading.Event().wait(chance.uniform(*BETWEEN_KILLS))
                whole = number % 5 == 0
                receiver.strike(whole=whole)
                if whole:
                    receiver.kill()
                receiver.come_back(whole=whole)
        finally:
            over.set()
        streamed.result()

    def all_told(calls: list[Call]) -> bool:
        return len(told_of(calls)) >= len(sent)

    provider.wait_for(all_told, PAGED_WITHIN)
    lost = sorted(set(sent) - told_of(provider.calls))
    assert not lost, f"{len(lost)} of {len(sent)} accepted alerts were never told: {lost[:10]}"
    keys_of = Counter(subject for subject, _ in {(call.subject, call.key) for call in provider.calls})
    assert max(keys_of.values()) == 1, "an incident was told under two keys"
    again = provider.repeats()
    figures.add(
        "kill at random",
        "sqlite" if "sqlite" in database_url else "postgresql",
        kills,
        repeats=sum(again.values()),
        alerts=len(sent),
    )
    assert max(again.values(), default=0) <= kills
    # One sender has at most eight pages of a channel on the wire when it dies.
    assert sum(again.values()) <= 8 * kills
    receiver.kill()
