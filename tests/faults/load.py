"""Alerts that come in steadily while something is done to the receivers, each sent until it is accepted."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from tests.faults.provider import Call, InsistentSender, Provider
from tests.receiver import alert
from wedsync_core.clock import SystemClock

NOTHING_MORE_FOR = 90.0
"""Seconds without a page after which nothing is taken to be under way. How long a backlog lasts is not asked here."""
SENDERS = 50
_TITLE = re.compile(r"alert-\d+-")
_CLOCK = SystemClock()


class Load:
    """So many critical alerts a second, each with a name of its own, to the receivers in turn.

    The block ends when the last one was accepted.
    """

    def __init__(self, urls: Sequence[str], per_second: float, *, seconds: float = 120.0) -> None:
        self._urls = urls
        self._pause = 1 / per_second
        self._seconds = seconds
        self._over = threading.Event()
        self._streaming = ThreadPoolExecutor(1)
        self._sending = ThreadPoolExecutor(SENDERS)
        self._streamed: Future[None] | None = None
        self.sent: list[str] = []

    def _send(self, number: int, title: str) -> None:
        told = alert(f"Load{number}", starts_at=_CLOCK.now(), summary=title, severity="critical", service=title)
        InsistentSender(self._urls[number % len(self._urls)]).alerts(told, seconds=self._seconds)

    def _stream(self) -> None:
        waiting = []
        while not self._over.wait(self._pause):
            number, title = len(self.sent), f"alert-{len(self.sent)}-"
            self.sent.append(title)
            waiting.append(self._sending.submit(self._send, number, title))
        for one in waiting:
            one.result()

    def __enter__(self) -> Self:
        self._streamed = self._streaming.submit(self._stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        with self._streaming, self._sending:
            assert self._streamed is not None
            if error is None:
                self._streamed.result()


def told_of(calls: Sequence[Call], person: str) -> set[str]:
    """The alerts of a load that somebody was told of by name; what the receiver tells of itself is not among them."""
    ordinary = (call for call in calls if call.person == person and not call.by_last_resort)
    return {title for call in ordinary for title in _TITLE.findall(call.subject)}


def lost(provider: Provider, sent: Sequence[str], person: str) -> list[str]:
    """Return what nobody was told of, once all was told, or no page has come for a long while."""
    told, before = len(told_of(provider.calls, person)), -1
    while before < told < len(sent):
        before = told
        enough = min(told + SENDERS, len(sent))
        provider.wait_for(lambda calls: len(told_of(calls, person)) >= enough, NOTHING_MORE_FOR)  # noqa: B023 -- asked now
        told = len(told_of(provider.calls, person))
    return sorted(set(sent) - told_of(provider.calls, person))
