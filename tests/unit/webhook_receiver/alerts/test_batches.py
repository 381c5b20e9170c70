"""Callers that come together are worked off together, in order, and each gets its own result."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.waiting import wait_until
from webhook_receiver.alerts.batches import Batches
from wedsync_core.problems import Unavailable


class Desk:
    """Work that stops at a gate, so that a test decides who comes while it lasts."""

    def __init__(self, *, most: int = 10, patience: float = 10.0) -> None:
        self.batches: list[list[int]] = []
        self.gate = threading.Event()
        self.fault: Exception | None = None
        self._batches = Batches[int, int](self._work, most=most, patience=patience)
        self._callers = ThreadPoolExecutor(20)

    def _work(self, jobs: Sequence[int]) -> list[int]:
        self.batches.append(list(jobs))
        assert self.gate.wait(10)
        if self.fault:
            raise self.fault
        return [10 * job for job in jobs]

    def call(self, job: int) -> Future[int]:
        before = self.waiting
        future = self._callers.submit(self._batches.do, job)
        wait_until(lambda: self.waiting > before or bool(self.batches and job in self.batches[-1]))
        return future

    @property
    def waiting(self) -> int:
        return len(self._batches._waiting)


def test_one_caller_is_served_at_once() -> None:
    desk = Desk()
    desk.gate.set()

    assert [desk.call(job).result(10) for job in (1, 2, 3)] == [10, 20, 30]
    assert desk.batches == [[1], [2], [3]]


def test_those_who_come_meanwhile_are_the_next_batch() -> None:
    desk = Desk(most=3)
    callers = [desk.call(job) for job in range(1, 6)]
    desk.gate.set()

    assert [caller.result(10) for caller in callers] == [10, 20, 30, 40, 50]
    assert desk.batches == [[1], [2, 3, 4], [5]]


def test_a_fault_is_told_to_the_whole_batch_and_to_nobody_after_it() -> None:
    desk = Desk()
    first = desk.call(1)
    callers = [desk.call(2), desk.call(3)]
    desk.fault = RuntimeError("broken")
    desk.gate.set()
    for caller in (first, *callers):
        with pytest.raises(RuntimeError, match="broken"):
            caller.result(10)
    desk.fault = None

    assert desk.call(4).result(10) == 40


def test_who_waits_too_long_is_told_so_and_holds_nobody_up() -> None:
    desk = Desk(patience=0.05)
    first = desk.call(1)
    late = desk.call(2)
    with pytest.raises(Unavailable):
        late.result(10)
    desk.gate.set()

    assert first.result(10) == 10
    assert desk.call(3).result(10) == 30
    assert desk.batches == [[1], [3]]
