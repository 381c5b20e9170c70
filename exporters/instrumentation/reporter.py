"""The bounded queue of error reports and the one background thread that empties it."""

from __future__ import annotations

import json
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests

from exporters.instrumentation.delivery import Answer, Backoff, Verdict, judge
from exporters.instrumentation.labels import ReportOutcome

_log = logging.getLogger(__name__)

Report = dict[str, Any]
Deliver = Callable[[Sequence[Report]], Answer]
Count = Callable[[ReportOutcome, int], None]

PATH: Final = "/api/monitoring/errors"


@dataclass(frozen=True)
class ErrorReporting:
    """Where reports go and how hard to try.

    `url` is the exporters' base address; `token_file` holds a bearer token of role `ingest` on its first line and is
    read at each delivery, so that it can be rotated. `capacity` reports wait at most; `batch` travel in one request.
    """

    url: str
    token_file: Path | None = None
    release: str = ""
    environment: str = "production"
    capacity: int = 1_000
    batch: int = 20
    timeout: float = 5.0
    backoff: Backoff = field(default_factory=Backoff)


def deliver_over_http(settings: ErrorReporting) -> Deliver:
    """Return what posts reports to the exporters. Trouble on the way is an answer without a status, never raised."""
    session = requests.Session()
    # A .netrc would replace our credential, and a proxy of the environment must not see stack traces.
    session.trust_env = False
    address = settings.url.rstrip("/") + PATH

    def deliver(reports: Sequence[Report]) -> Answer:
        headers = {"Content-Type": "application/json"}
        try:
            if settings.token_file is not None:
                headers["Authorization"] = f"Bearer {_first_line(settings.token_file)}"
            body = json.dumps({"errors": list(reports)}, allow_nan=False).encode()
            answer = session.post(address, data=body, headers=headers, timeout=settings.timeout, allow_redirects=False)
        except (requests.RequestException, OSError, UnicodeDecodeError) as error:
            _log.warning("error reports cannot be delivered now: %s", type(error).__name__)
            return Answer(None)
        if judge(answer.status_code) is not Verdict.DELIVERED:
            _log.warning("the exporters answered %d to error reports", answer.status_code)
        return Answer(answer.status_code, _retry_after(answer), _refused_items(answer))

    return deliver


def _first_line(path: Path) -> str:
    return path.read_text(encoding="ascii").strip().partition("\n")[0].strip()


def _retry_after(answer: requests.Response) -> float | None:
    """Return the seconds of a Retry-After header; its date form is ours to ignore."""
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else None


def _refused_items(answer: requests.Response) -> int:
    """Return how many items of an accepted batch the exporters say they refused."""
    try:
        said = answer.json()
    except requests.JSONDecodeError:
        return 0
    refused = said.get("refused") if isinstance(said, dict) else None
    return refused if isinstance(refused, int) and refused > 0 else 0


class Reporter:
    """Takes reports without waiting; sends them in order, oldest first. When full, the newest is dropped, counted."""

    def __init__(
        self, deliver: Deliver, count: Count, *, capacity: int = 1_000, batch: int = 20, backoff: Backoff | None = None
    ) -> None:
        self._deliver = deliver
        self._count = count
        self._capacity = capacity
        self._batch = batch
        self._backoff = backoff or Backoff()
        self._waiting: deque[Report] = deque()
        self._changed = threading.Condition()
        self._in_flight = 0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def has_room(self) -> bool:
        """Whether a report would be taken now: in a storm it is not worth writing one that would be dropped."""
        return len(self._waiting) < self._capacity and not self._closing.is_set()

    def drop(self) -> None:
        """Count a report that was not written because there was no room."""
        self._count("dropped", 1)

    def offer(self, report: Report) -> bool:
        """Queue a report; returns False, having counted it, if there is no room. Never waits for the network."""
        with self._changed:
            if not self.has_room():
                self.drop()
                return False
            self._waiting.append(report)
            # Started here, not at construction: a server forks after building its application, threads stay behind.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="wedsync-error-reports", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return True

    def flush(self, timeout: float) -> bool:
        """Wait until nothing is queued or under way; returns whether that came true in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._in_flight, timeout)

    def close(self, timeout: float) -> None:
        """Flush within `timeout` seconds, then stop; what is still here is dropped and counted."""
        self.flush(timeout)
        with self._changed:
            self._closing.set()
            left = len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        if left:
            self._count("dropped", left)
            _log.warning("%d error reports were not delivered before the end", left)
        if self._thread is not None:
            self._thread.join(1.0)

    def _run(self) -> None:
        while batch := self._take():
            try:
                self._send(batch)
            except Exception:  # noqa: BLE001 - the top of the loop: the thread must outlive any one batch
                self._count("failed", len(batch))
                _log.exception("error reports could not be sent")
            finally:
                with self._changed:
                    self._in_flight = 0
                    self._changed.notify_all()

    def _take(self) -> list[Report]:
        """Return the oldest reports, waiting for one; nothing once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
            batch = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            self._in_flight = len(batch)
            return batch

    def _send(self, batch: Sequence[Report]) -> None:
        attempt = 1
        while True:
            answer = self._deliver(batch)
            verdict = judge(answer.status)
            if verdict is Verdict.DELIVERED:
                refused = min(answer.refused, len(batch))
                self._count("sent", len(batch) - refused)
                self._count("failed", refused)
                return
            if verdict is Verdict.REFUSED:
                self._refused(batch)
                return
            delay = self._backoff.delay(attempt, random.random(), answer.retry_after)  # noqa: S311 - jitter, no secret
            if delay is None:
                self._count("failed", len(batch))
                return
            if self._closing.wait(delay):
                self._count("dropped", len(batch))
                return
            attempt += 1

    def _refused(self, batch: Sequence[Report]) -> None:
        """Send a refused batch one by one: one bad report never loses the others."""
        if len(batch) == 1:
            self._count("failed", 1)
            return
        for report in batch:
            self._send([report])
