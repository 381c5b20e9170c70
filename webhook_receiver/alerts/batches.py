"""Concurrent callers share one transaction: whoever comes first works off what has gathered, for all of them.

A commit to disk and a statement cost the same for one message as for eight. There is no thread for it: one caller leads
at a time, takes those who wait in the order they came, and hands the lead to the next.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from wedsync_core.problems import Unavailable

Job = TypeVar("Job")
Result = TypeVar("Result")


class _Entry(Generic[Job, Result]):
    """One caller: its job, and later its result or its error."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.results: list[Result] = []
        self.error: BaseException | None = None
        self.told = threading.Event()
        self.leads = False

    def result(self) -> Result:
        if self.error is not None:
            raise self.error
        return self.results[0]


class Batches(Generic[Job, Result]):
    """Calls ``work`` with the jobs of all callers that wait; it returns as many results, in order.

    What ``work`` raises is raised to every caller of that batch. A caller that waits longer than ``patience`` seconds
    gets Unavailable; whether its job is done then is not known.
    """

    def __init__(self, work: Callable[[Sequence[Job]], Sequence[Result]], *, most: int, patience: float) -> None:
        self._work = work
        self._most = most
        self._patience = patience
        self._lock = threading.Lock()
        self._waiting: deque[_Entry[Job, Result]] = deque()
        self._led = False

    def do(self, job: Job) -> Result:
        """Return what came of ``job``, worked off alone or with others. Raises what ``work`` raised, or Unavailable."""
        mine = _Entry[Job, Result](job)
        with self._lock:
            self._waiting.append(mine)
            mine.leads, self._led = not self._led, True
        if not mine.leads:
            self._wait(mine)
        if mine.leads:
            self._lead()
        return mine.result()

    def _wait(self, mine: _Entry[Job, Result]) -> None:
        if mine.told.wait(self._patience):
            return
        with self._lock:
            if mine.told.is_set():
                return  # told between the end of our patience and now: the lead must not be lost
            if mine in self._waiting:
                self._waiting.remove(mine)
        raise Unavailable("the messages before this one take too long")

    def _lead(self) -> None:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        try:
            for entry, result in zip(batch, self._work([entry.job for entry in batch]), strict=True):
                entry.results.append(result)
        except BaseException as error:  # noqa: BLE001 -- handed to every caller of the batch, the leader included
            for entry in batch:
                entry.error = error
        with self._lock:
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].told.set()
            else:
                self._led = False
            for entry in batch:
                entry.told.set()
