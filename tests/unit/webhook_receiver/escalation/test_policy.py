"""Steps in time: which comes next, when the one after it is due, and what happens past the last."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.escalation.policy import (
    LAST_CALL_AFTER,
    Policy,
    Step,
    next_step,
    policy_from_snapshot,
    telling_step,
)

MINUTE = timedelta(minutes=1)
EMERGENCY = "emergency_contacts"
WEDDING_DAY = Policy(
    "wedding_day",
    (
        Step(1, 0 * MINUTE, ("on_call_engineer", "platform_lead")),
        Step(2, 5 * MINUTE, ("cto", "emergency_contacts")),
        Step(3, 15 * MINUTE, ("all_hands",)),
    ),
    repeat_every=10 * MINUTE,
    acknowledgements_needed=1,
    acknowledgement_expires=30 * MINUTE,
)


@pytest.mark.parametrize(
    ("level", "told", "next_in"),
    [
        (0, ("on_call_engineer", "platform_lead"), 5 * MINUTE),
        (1, ("cto", "emergency_contacts"), 10 * MINUTE),
        (2, ("all_hands",), 10 * MINUTE),
        (3, ("all_hands",), 10 * MINUTE),
    ],
)
def test_each_level_is_followed_by_the_next(level: int, told: tuple[str, ...], next_in: timedelta) -> None:
    due = next_step(WEDDING_DAY, level, SATURDAY, EMERGENCY)

    assert due.roles == told
    assert due.next_at == SATURDAY + next_in


def test_past_the_last_step_the_levels_count_on() -> None:
    taken = [next_step(WEDDING_DAY, level, SATURDAY, EMERGENCY) for level in range(6)]

    assert [due.level for due in taken] == [1, 2, 3, 4, 5, 6]
    assert [due.repeated for due in taken] == [False, False, False, True, True, True]
    assert taken[4].reason == "policy_exhausted"


def test_a_policy_that_does_not_repeat_has_one_moment_more_and_then_none() -> None:
    once = Policy("once", WEDDING_DAY.steps, repeat_every=None, acknowledgements_needed=1, acknowledgement_expires=None)

    assert next_step(once, 2, SATURDAY, EMERGENCY).next_at == SATURDAY + LAST_CALL_AFTER
    last_call = next_step(once, 3, SATURDAY, EMERGENCY)
    assert (last_call.roles, last_call.next_at) == ((EMERGENCY,), None)


def test_after_an_outage_one_step_is_taken_and_the_next_keeps_its_distance() -> None:
    hours_late = SATURDAY + timedelta(hours=3)

    due = next_step(WEDDING_DAY, 1, hours_late, EMERGENCY)

    assert due.level == 2
    assert due.next_at == hours_late + 10 * MINUTE


def told_step(level: int, filled: set[str]) -> tuple[tuple[str, ...], int, list[int]]:
    due, passed = telling_step(WEDDING_DAY, level, SATURDAY, EMERGENCY, lambda roles: bool(filled & set(roles)))
    return due.roles, due.level, [one.level for one in passed]


def test_a_step_that_tells_nobody_is_not_waited_for() -> None:
    assert told_step(0, {"on_call_engineer", "cto"}) == (("on_call_engineer", "platform_lead"), 1, [])
    assert told_step(0, {"cto"}) == (("cto", "emergency_contacts"), 2, [1])
    assert told_step(0, {"all_hands"}) == (("all_hands",), 3, [1, 2])


def test_when_every_step_that_is_left_is_empty_the_emergency_role_is_told() -> None:
    assert told_step(0, set()) == ((EMERGENCY,), 3, [1, 2, 3])
    assert told_step(2, {"on_call_engineer"}) == ((EMERGENCY,), 3, [3])
    assert told_step(7, set()) == ((EMERGENCY,), 8, [8])


spans = st.integers(1, 10_000).map(lambda seconds: timedelta(seconds=seconds))


@given(delays=st.lists(spans, max_size=6), repeat=st.none() | spans, expires=st.none() | spans)
def test_a_stored_policy_reads_back_the_same(
    delays: list[timedelta], repeat: timedelta | None, expires: timedelta | None
) -> None:
    after = [timedelta(0)]
    for delay in delays:
        after.append(after[-1] + delay)
    steps = tuple(Step(number, span, ("someone",)) for number, span in enumerate(after, start=1))
    policy = Policy("any", steps, repeat, 1, expires)

    assert policy_from_snapshot(policy.as_json()) == policy


@given(delays=st.lists(spans, min_size=1, max_size=6))
def test_taken_on_time_every_step_falls_on_its_own_minute(delays: list[timedelta]) -> None:
    after = [timedelta(0)]
    for delay in delays:
        after.append(after[-1] + delay)
    policy = Policy("any", tuple(Step(n, a, ("x",)) for n, a in enumerate(after, start=1)), None, 1, None)

    now, taken = SATURDAY, []
    for level in range(len(after)):
        due = next_step(policy, level, now, EMERGENCY)
        taken.append(now - SATURDAY)
        assert due.next_at is not None
        now = due.next_at

    assert taken == after
