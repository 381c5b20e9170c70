"""The queue of reports: bounded, patient, never in the way."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from exporters.instrumentation.delivery import Answer, Backoff
from exporters.instrumentation.labels import ReportOutcome
from exporters.instrumentation.reporter import Report, Reporter

AT_ONCE = Backoff(first=0.001, ceiling=0.002, attempts=1_000)


class Exporters:
    """Answers as told, one answer a delivery, the last one for ever; keeps what it accepted."""

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)
        self.accepted: list[int] = []
        self.batches: list[int] = []
        self.open = threading.Event()
        self.open.set()
        self.called = threading.Event()

    def deliver(self, reports: Sequence[Report]) -> Answer:
        self.called.set()
        assert self.open.wait(10)
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.batches.append(len(reports))
        if any(report.get("bad") for report in reports):
            return Answer(422)
        if status == 200:
            self.accepted += [report["n"] for report in reports]
        return Answer(status)


class Story:
    def __init__(self, exporters: Exporters, **settings: int) -> None:
        self.counts: Counter[str] = Counter()
        self.exporters = exporters
        self.reporter = Reporter(exporters.deliver, self._count, backoff=AT_ONCE, **settings)

    def _count(self, outcome: ReportOutcome, count: int) -> None:
        self.counts[outcome] += count


@contextmanager
def reporting(exporters: Exporters, **settings: int) -> Iterator[Story]:
    story = Story(exporters, **settings)
    try:
        yield story
    finally:
        exporters.open.set()
        story.reporter.close(5)


def test_reports_arrive_in_order_and_are_counted() -> None:
    with reporting(Exporters(200)) as story:
        for n in range(50):
            assert story.reporter.offer({"n": n})
        assert story.reporter.flush(5)
        assert story.exporters.accepted == list(range(50))
        assert story.counts["sent"] == 50


def test_an_outage_is_waited_out_and_nothing_is_lost() -> None:
    with reporting(Exporters(None, 503, 401, None, 429, 200)) as story:
        for n in range(30):
            story.reporter.offer({"n": n})
        assert story.reporter.flush(5)
        assert story.exporters.accepted == list(range(30))
        assert story.counts == {"sent": 30, "failed": 0}


def test_beyond_the_capacity_the_newest_are_dropped_and_counted_exactly() -> None:
    exporters = Exporters(200)
    exporters.open.clear()
    with reporting(exporters, capacity=10, batch=1) as story:
        story.reporter.offer({"n": -1})
        assert exporters.called.wait(5)  # one under way, the queue empty
        taken = [story.reporter.offer({"n": n}) for n in range(25)]
        assert taken == [True] * 10 + [False] * 15
        assert not story.reporter.has_room()
        assert story.counts["dropped"] == 15
        exporters.open.set()
        assert story.reporter.flush(5)
        assert story.counts["sent"] == 11
        assert exporters.accepted == [-1, *range(10)]


def test_one_refused_report_does_not_take_the_others_with_it() -> None:
    exporters = Exporters(200)
    exporters.open.clear()
    with reporting(exporters) as story:
        for n in range(10):
            story.reporter.offer({"n": n, "bad": n == 4})
        exporters.open.set()
        assert story.reporter.flush(5)
        assert sorted(exporters.accepted) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
        assert story.counts == {"sent": 9, "failed": 1}


def test_a_hopeless_batch_is_given_up_and_the_next_one_tried() -> None:
    exporters = Exporters(None)
    counts: Counter[str] = Counter()

    def count(outcome: ReportOutcome, number: int) -> None:
        counts[outcome] += number

    reporter = Reporter(exporters.deliver, count, backoff=Backoff(first=0.001, ceiling=0.001, attempts=3))
    reporter.offer({"n": 1})
    assert reporter.flush(5)
    assert counts == {"failed": 1}
    assert len(exporters.batches) == 3
    exporters.answers = [200]
    reporter.offer({"n": 2})
    assert reporter.flush(5)
    assert exporters.accepted == [2]
    reporter.close(1)


def test_closing_in_an_outage_ends_in_time_and_counts_what_was_lost() -> None:
    exporters = Exporters(None)
    counts: Counter[str] = Counter()

    def count(outcome: ReportOutcome, number: int) -> None:
        counts[outcome] += number

    reporter = Reporter(exporters.deliver, count, batch=5, backoff=Backoff(first=60, ceiling=60, attempts=9))
    for n in range(12):
        reporter.offer({"n": n})
    assert exporters.called.wait(5)
    reporter.close(0.05)
    assert counts["dropped"] == 12
    assert not reporter.offer({"n": 99})
    assert counts["dropped"] == 13


def test_a_fault_of_our_own_costs_one_batch_and_not_the_thread() -> None:
    answers: list[Answer | Exception] = [RuntimeError("a bug"), Answer(200)]
    counts: Counter[str] = Counter()

    def deliver(_reports: Sequence[Report]) -> Answer:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def count(outcome: ReportOutcome, number: int) -> None:
        counts[outcome] += number

    reporter = Reporter(deliver, count)
    reporter.offer({"n": 1})
    assert reporter.flush(5)
    reporter.offer({"n": 2})
    assert reporter.flush(5)
    assert counts == {"failed": 1, "sent": 1}
    reporter.close(1)
