"""The judge: a provider outside the killed processes that keeps what reaches it, and an Alertmanager that insists."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import requests

from tests.fakes import HttpSink, Received
from tests.receiver import TOKENS, webhook
from wedsync_core.clock import SystemClock

Answer = Callable[["Call"], int]
"""Answers a call with a status; may wait, or kill the caller."""


@dataclass(frozen=True)
class Call:
    """One page as it reached the provider. ``at`` is monotonic."""

    key: str
    person: str
    subject: str
    maybe_repeat: bool
    content: Mapping[str, Any]
    at: float
    path: str = ""
    """Where it was posted to: replicas may be given different ones."""

    @property
    def by_last_resort(self) -> bool:
        """Whether it is a page without a database, after which the ordinary one is still owed."""
        return self.subject.startswith("LAST RESORT")


def taken(_call: Call) -> int:
    """Answer that the page was taken."""
    return 200


class Provider:
    """A paging provider on loopback. A call is on record before it is answered, and stays whatever comes of it."""

    def __init__(self) -> None:
        self.answer: Answer = taken
        self._calls: list[Call] = []
        self._changed = threading.Condition()
        self._sink = HttpSink(self._take)
        self._clock = SystemClock()

    @property
    def url(self) -> str:
        return f"{self._sink.url}/pages"

    @property
    def calls(self) -> list[Call]:
        """Every call in order, repeats included."""
        with self._changed:
            return list(self._calls)

    def forget(self) -> None:
        with self._changed:
            self._calls.clear()

    def wait_for(self, satisfied: Callable[[list[Call]], bool], seconds: float) -> bool:
        """Wait until the record satisfies; returns whether it did in time."""
        with self._changed:
            return self._changed.wait_for(lambda: satisfied(self._calls), seconds)

    def people_told(self, words: str) -> set[str]:
        """Who was told of the incident with these words in its title."""
        return {call.person for call in self.calls if words in call.subject}

    def repeats(self, words: str = "") -> dict[str, int]:
        """How often each page was repeated under its own key; pages that came once are left out."""
        counts = Counter(call.key for call in self.calls if words in call.subject)
        return {key: count - 1 for key, count in counts.items() if count > 1}

    def _take(self, request: Received) -> tuple[int, dict[str, str], bytes]:
        content = json.loads(request.body)
        call = Call(
            key=request.headers["idempotency-key"],
            person=content["person"],
            subject=content["subject"],
            maybe_repeat=content["maybe_repeat"],
            content=content,
            at=self._clock.monotonic(),
            path=request.path,
        )
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()
        return self.answer(call), {}, b"{}"

    def __enter__(self) -> Self:
        self._sink.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sink.stop()


class InsistentSender:
    """Plays Alertmanager: sends a message again until it is answered 2xx. A 4xx fails the test, as it loses alerts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.tries = 0
        self._clock = SystemClock()
        self._pause = threading.Event()

    def alerts(self, *alerts: Mapping[str, Any], seconds: float = 60.0, **message: Any) -> None:
        """Post one webhook message to the receiver until it is accepted."""
        self.post("/alertmanager", webhook(*alerts, **message), role="alertmanager", seconds=seconds)

    def post(self, path: str, body: Any, *, role: str = "responder", seconds: float = 60.0) -> requests.Response:
        """Post to the receiver's API until it is answered 2xx."""
        deadline = self._clock.monotonic() + seconds
        why = ""
        while self._clock.monotonic() < deadline:
            self.tries += 1
            try:
                answer = requests.post(
                    f"{self.url}/api/monitoring{path}",
                    json=body,
                    headers={"Authorization": f"Bearer {TOKENS[role]}"},
                    timeout=10,
                )
            except requests.RequestException as error:
                why = repr(error)
            else:
                if answer.ok:
                    return answer
                why = f"{answer.status_code} {answer.text[:300]}"
                assert answer.status_code >= 500, f"refused for good: {why}"
            self._pause.wait(0.05)
        raise AssertionError(f"not accepted within {seconds} s: {why}")
