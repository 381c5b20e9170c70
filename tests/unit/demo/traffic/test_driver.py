"""The driver keeps the plan's order and its bounds, and outlives the service's troubles."""

import threading
from dataclasses import replace
from itertools import islice

from demo.traffic.driver import Driver
from demo.traffic.plan import Step, plan
from demo.traffic.tally import Outcome, Tally
from wedsync_core.clock import SystemClock


def at_once(count: int) -> list[Step]:
    return [replace(step, at=0.0) for step in islice(plan(7, 20, 10), count)]


def test_steps_are_sent_in_the_plans_order() -> None:
    sent: list[int] = []

    def send(step: Step) -> Outcome:
        sent.append(step.number)
        return Outcome(step.workflow, 200, 0.01)

    said: list[str] = []
    driver = Driver(send, SystemClock(), threading.Event(), concurrency=1)
    driver.run(at_once(200), said.append)
    assert sent == list(range(1, 201))
    assert driver.tally.total == {"ok": 200}
    assert len(said) == 1
    assert "ok 200" in said[0]


def test_no_more_are_under_way_than_there_are_places() -> None:
    lock = threading.Lock()
    under_way = most = 0
    full = threading.Event()

    def send(step: Step) -> Outcome:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
            if under_way == 4:
                full.set()
        assert full.wait(10)
        with lock:
            under_way -= 1
        return Outcome(step.workflow, 200, 0.01)

    Driver(send, SystemClock(), threading.Event(), concurrency=4).run(at_once(60), lambda _line: None)
    assert most == 4


def test_being_told_to_stop_ends_the_run_between_two_steps() -> None:
    stop = threading.Event()
    sent: list[int] = []

    def send(step: Step) -> Outcome:
        sent.append(step.number)
        if step.number == 5:
            stop.set()
        return Outcome(step.workflow, 200, 0.01)

    Driver(send, SystemClock(), stop, concurrency=1).run(plan(7, 10_000, 10), lambda _line: None)
    assert sent[:5] == [1, 2, 3, 4, 5]
    assert len(sent) <= 7


def test_a_service_that_is_down_or_broken_is_counted_and_driven_on() -> None:
    statuses = iter([None, 500, 409, 201] * 10)

    def send(step: Step) -> Outcome:
        return Outcome(step.workflow, next(statuses), 0.01)

    driver = Driver(send, SystemClock(), threading.Event(), concurrency=1)
    driver.run(at_once(40), lambda _line: None)
    assert driver.tally.total == {"unreachable": 10, "failed": 10, "refused": 10, "ok": 10}


def test_a_line_names_the_workflows_that_suffer_and_begins_anew() -> None:
    tally = Tally()
    for status in (201, 500, 500, None):
        tally.add(Outcome("payment", status, 0.25))
    line = tally.line(2.0)
    assert "2.0 requests/s" in line
    assert "p95 250 ms" in line
    assert "payment 3" in line
    assert "ok 0 | refused 0 | failed 0 | unreachable 0" in tally.line(2.0)
