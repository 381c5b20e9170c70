"""The receiver is killed at moments that nobody chose, while fifty alerts a second come in."""

from __future__ import annotations

import os
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

PER_SECOND = int(os.environ.get("WEDSYNC_FAULT_ALERTS_PER_SECOND", "50"))
SENDERS = 50
TITLE = re.compile(r"alert-\d+-")
BETWEEN_KILLS = (0.2, 1.2)
"""Seconds after the receiver is up again."""
ROUND = 20
"""Kills before it is left in peace to work off what it took in: a process that lives a second gets little further."""
STUCK_AFTER = 60.0
"""Seconds in which nobody is told of anything new: what is still missing then is lost."""
CLOCK = SystemClock()


def told_of(calls: list[Call]) -> set[str]:
    """The alerts of ours that somebody was told of by name; what the receiver tells of itself is not among them."""
    ordinary = (call for call in calls if call.person == FIRST and not call.by_last_resort)
    return {word for call in ordinary for word in TITLE.findall(call.subject)}


def test_kills_at_any_moment_under_fifty_alerts_a_second(
    database_url: str, tmp_path: Path, provider: Provider, runs: int, figures: Figures
) -> None:
    kills = 2 if runs == 1 else runs * 4
    database = "sqlite" if "sqlite" in database_url else "postgresql"
    receiver = FaultyReceiver(tmp_path, database_url, provider.url, change=quiet_policy)
    chance = random.Random(2026)
    sent = 0
    try:
        receiver.start()
        for first in range(0, kills, ROUND):
            round_of = min(ROUND, kills - first)
            titles = stream_while_killed(receiver, chance, range(first, first + round_of), sent)
            sent += len(titles)
            repeats = judge(provider, titles, round_of)
            figures.add("kill at random", database, round_of, repeats=repeats, alerts=len(titles))
            provider.forget()
    finally:
        receiver.kill()


def stream_while_killed(receiver: FaultyReceiver, chance: random.Random, kills: range, sent: int) -> list[str]:
    """Send alerts all the while and insist on each; returns their titles once every one has been accepted."""
    titles: list[str] = []
    over = threading.Event()

    def send(title: str) -> None:
        told = alert(f"Random{title}", starts_at=CLOCK.now(), summary=title, severity="critical", service=title)
        InsistentSender(receiver.url).alerts(told, seconds=120)

    def stream() -> None:
        with ThreadPoolExecutor(SENDERS) as alertmanager:
            waiting = []
            while not over.wait(1 / PER_SECOND):
                titles.append(f"alert-{sent + len(titles)}-")
                waiting.append(alertmanager.submit(send, titles[-1]))
            for one in waiting:
                one.result()

    with ThreadPoolExecutor(1) as streaming:
        streamed = streaming.submit(stream)
        try:
            for number in kills:
                threading.Event().wait(chance.uniform(*BETWEEN_KILLS))
                whole = number % 5 == 0
                receiver.strike(whole=whole)
                if whole:
                    receiver.kill()
                receiver.come_back(whole=whole)
        finally:
            over.set()
        streamed.result()
    return titles


def judge(provider: Provider, titles: list[str], kills: int) -> int:
    """Fail unless somebody was told of every alert, each under one key; returns how many pages came again."""
    heard = -1
    while len(told_of(provider.calls)) > heard and heard < len(titles):
        heard = len(told_of(provider.calls))
        provider.wait_for(lambda calls: len(told_of(calls)) >= len(titles), STUCK_AFTER)
    lost = sorted(set(titles) - told_of(provider.calls))
    assert not lost, f"{len(lost)} of {len(titles)} accepted alerts were never told: {lost[:10]}"
    ordinary = {(call.subject, call.key) for call in provider.calls if not call.by_last_resort}
    keys_of = Counter(subject for subject, _ in ordinary)
    assert max(keys_of.values()) == 1, "an incident was told under two keys"
    again = provider.repeats()
    assert max(again.values(), default=0) <= kills
    # One sender has at most eight pages of a channel on the wire when it dies.
    assert sum(again.values()) <= 8 * kills
    return sum(again.values())
