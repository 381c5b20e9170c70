"""Whether an alarm is due, to whom, and what follows. A table a row; moments are seconds after the first error."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exporters.alarm.alertmanager import outcome_of
from exporters.alarm.contract import Alarm
from exporters.alarm.decision import (
    AlarmRow,
    Due,
    Outcome,
    State,
    Step,
    after_post,
    backoff,
    next_step,
    on_errors,
    opened,
    over,
    payload,
)
from tests.cast import SATURDAY

A, B = "http://a:9093", "http://b:9093"
BOTH = (A, B)
OK, NO, GONE = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNREACHABLE


def alarm(rank: int = 3, *, seconds: float = 0) -> Alarm:
    return Alarm("v1:00", "london", {"severity": str(rank)}, {"summary": "s", "description": "d"}, rank, at(seconds))


def at(seconds: float) -> datetime:
    return SATURDAY + timedelta(seconds=seconds)


def row(**changes: object) -> AlarmRow:
    return replace(opened(alarm(), 1, at(0)), **changes)  # type: ignore[arg-type] # the tests name real fields


def taken(**changes: object) -> AlarmRow:
    return row(**{"untaken_since": None, "round_at": at(0), "next_at": at(60)} | changes)


DUE = {
    "new: at once, to all": (row(), 0, Due(Step.POST, "not_taken_yet", BOTH)),
    "not before its time": (row(next_at=at(5)), 4.9, Due(Step.WAIT, "not_due")),
    "never taken: posted however old": (row(), 86_400, Due(Step.POST, "not_taken_yet", BOTH)),
    "taken: not within the minute": (taken(), 59.9, Due(Step.WAIT, "not_due")),
    "taken: again after a minute": (taken(), 60, Due(Step.POST, "keep_alive", BOTH)),
    "quiet for a day: silence alone ends nothing": (taken(), 86_400, Due(Step.POST, "keep_alive", BOTH)),
    "over: its end is told": (taken(over_at=at(30), next_at=at(30)), 30, Due(Step.POST, "over", BOTH)),
    "over, and one has not heard": (
        taken(over_at=at(30), next_at=at(31), outstanding=(B,)),
        31,
        Due(Step.POST, "over", (B,)),
    ),
    "over, and expired wherever it was not heard": (
        taken(over_at=at(30), next_at=at(31), outstanding=(B,)),
        330,
        Due(Step.END, "expired_at_alertmanager"),
    ),
    "over before anybody was told: told first": (row(over_at=at(5)), 6, Due(Step.POST, "not_taken_yet", BOTH)),
    "errors went on: kept alive": (taken(last_error_at=at(250)), 300, Due(Step.POST, "keep_alive", BOTH)),
    "one is missing it": (taken(outstanding=(B,), next_at=at(1)), 1, Due(Step.POST, "retry_the_rest", (B,))),
    "one is missing it, and the minute is over": (
        taken(outstanding=(B,), next_at=at(60)),
        60,
        Due(Step.POST, "keep_alive", BOTH),
    ),
    "the missing one is no longer configured": (
        taken(outstanding=("http://old",), next_at=at(1)),
        1,
        Due(Step.POST, "keep_alive", BOTH),
    ),
    "quarantined and still happening": (
        row(state=State.QUARANTINED, last_error_at=at(800), next_at=at(900)),
        900,
        Due(Step.POST, "not_taken_yet", BOTH),
    ),
    "quarantined and quiet": (
        row(state=State.QUARANTINED, next_at=at(900)),
        900,
        Due(Step.END, "refused_and_no_more_errors"),
    ),
    "quarantined and over": (
        row(state=State.QUARANTINED, last_error_at=at(890), over_at=at(895), next_at=at(900)),
        900,
        Due(Step.END, "refused_and_no_more_errors"),
    ),
    "ended": (taken(state=State.ENDED), 3600, Due(Step.WAIT, "ended")),
}


@pytest.mark.parametrize(("known", "seconds", "expected"), DUE.values(), ids=DUE.keys())
def test_what_is_due(known: AlarmRow, seconds: float, expected: Due) -> None:
    assert next_step(known, BOTH, at(seconds)) == expected


def after(known: AlarmRow, seconds: float, **outcomes: Outcome) -> AlarmRow:
    due = next_step(known, BOTH, at(seconds))
    return after_post(known, due, {{"a": A, "b": B}[name]: outcome for name, outcome in outcomes.items()}, at(seconds))


def test_taken_by_all_it_waits_a_minute() -> None:
    left = after(row(), 2, a=OK, b=OK)
    assert (left.untaken_since, left.next_at, left.outstanding, left.attempts) == (None, at(62), (), 0)


def test_taken_by_one_it_counts_as_told_and_the_other_is_retried() -> None:
    left = after(row(), 0, a=OK, b=GONE)
    assert (left.untaken_since, left.outstanding, left.next_at) == (None, (B,), at(0.5))
    again = after(left, 0.5, b=GONE)
    assert (again.outstanding, again.next_at, again.round_at) == ((B,), at(1.5), at(0))
    assert after(again, 1.5, b=OK).next_at == at(60)


def test_retries_of_one_never_put_off_the_keep_alive_of_the_other() -> None:
    left = taken(outstanding=(B,), attempts=20, next_at=at(58))
    assert after(left, 58, b=GONE).next_at == at(60)


def test_taken_by_none_it_is_retried_ever_more_slowly() -> None:
    known, seconds, pauses = row(), 0.0, []
    for _ in range(9):
        known = after(known, seconds, a=GONE, b=GONE)
        pauses.append((known.next_at - at(seconds)).total_seconds())
        seconds = (known.next_at - SATURDAY).total_seconds()
    assert pauses == [0.5, 1, 2, 4, 8, 15, 15, 15, 15]
    assert known.untaken_since == at(0)


def test_its_end_is_told_once_to_each_and_then_it_is_ended() -> None:
    ending = over(taken(), at(70))
    assert (ending.next_at, payload(ending, at(70))["endsAt"]) == (at(70), "2026-06-13T14:01:10.000Z")
    left = after(ending, 70, a=OK, b=GONE)
    assert (left.state, left.outstanding, left.next_at) == (State.ACTIVE, (B,), at(70.5))
    assert after(left, 70.5, b=OK).state is State.ENDED


def test_an_error_after_the_end_begins_anew() -> None:
    again, due_now = on_errors(over(taken(), at(70)), alarm(seconds=80), 1, at(80))
    assert (again.over_at, again.untaken_since, again.starts_at, due_now) == (None, at(80), at(80), True)


def test_refused_by_all_it_is_quarantined() -> None:
    left = after(row(), 0, a=NO, b=NO)
    assert (left.state, left.next_at, left.untaken_since) == (State.QUARANTINED, at(900), at(0))


def test_refused_by_one_and_taken_by_the_other_it_lives() -> None:
    left = after(row(), 0, a=NO, b=OK)
    assert (left.state, left.outstanding, left.next_at) == (State.ACTIVE, (), at(60))


def test_refused_by_one_and_unreachable_at_the_other_it_waits_for_the_other() -> None:
    left = after(row(), 0, a=NO, b=GONE)
    assert (left.state, left.outstanding) == (State.ACTIVE, (B,))


def test_a_quarantined_alarm_that_is_taken_lives_again() -> None:
    left = after(row(state=State.QUARANTINED, last_error_at=at(800), next_at=at(900)), 900, a=OK, b=OK)
    assert (left.state, left.untaken_since) == (State.ACTIVE, None)


def test_more_errors_of_the_same_kind_make_nothing_due() -> None:
    more, due_now = on_errors(taken(), alarm(), 500, at(10))
    assert (more.errors, more.last_error_at, more.next_at, due_now) == (501, at(10), at(60), False)


def test_a_graver_error_is_due_at_once_under_new_labels() -> None:
    known = replace(opened(alarm(2), 1, at(0)), untaken_since=None, next_at=at(60))
    more, due_now = on_errors(known, alarm(3), 1, at(10))
    assert due_now
    assert (more.labels["severity"], more.untaken_since, more.next_at) == ("3", at(10), at(10))
    assert (more.starts_at, more.errors) == (at(0), 2)


def test_a_milder_error_never_makes_it_quieter() -> None:
    more, due_now = on_errors(taken(), alarm(2), 1, at(10))
    assert (more.labels["severity"], due_now) == ("3", False)


def test_after_its_end_it_begins_anew() -> None:
    more, due_now = on_errors(taken(state=State.ENDED, errors=900), alarm(2, seconds=990), 1, at(1000))
    assert (more.state, more.errors, more.starts_at, more.labels["severity"]) == (State.ACTIVE, 1, at(990), "2")
    assert due_now


def test_it_never_starts_in_the_future() -> None:
    assert opened(alarm(seconds=3600), 1, at(0)).starts_at == at(0)


def test_what_is_posted() -> None:
    assert payload(row(errors=2), at(7)) == {
        "labels": {"severity": "3"},
        "annotations": {"summary": "s", "description": "d (2 reports since 2026-06-13T14:00:00.000Z)"},
        "startsAt": "2026-06-13T14:00:00.000Z",
        "endsAt": "2026-06-13T14:05:07.000Z",
    }


def test_the_pause_does_not_overflow() -> None:
    assert backoff(10_000) == timedelta(seconds=15)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((200, OK), (202, OK), (400, NO), (413, NO), (422, NO), (401, GONE), (403, GONE), (404, GONE), (429, GONE)),
        *((301, GONE), (500, GONE), (503, GONE)),
    ],
)
def test_only_what_speaks_of_the_alarms_refuses_them(status: int, outcome: Outcome) -> None:
    assert outcome_of(status) is outcome
