"""Steps in time: which comes next, when the one after it is due, and what happens past the last."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.escalation.policy import Policy, Step, next_step, policy_from_snapshot

MINUTE = timedelta(minutes=1)
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
    due = next_step(WEDDING_DAY, level, cycle=0, now=SATURDAY)

    assert due.step.roles == told
    assert due.next_at == SATURDAY + next_in


def test_past_the_last_step_a_new_cycle_begins() -> None:
    assert next_step(WEDDING_DAY, 2, cycle=0, now=SATURDAY).cycle == 0
    exhausted = next_step(WEDDING_DAY, 3, cycle=0, now=SATURDAY)
    assert (exhausted.cycle, exhausted.reason) == (1, "policy_exhausted")


def test_a_policy_that_does_not_repeat_has_one_moment_more_and_then_none() -> None:
    once = Policy("once", WEDDING_DAY.steps, repeat_every=None, acknowledgements_needed=1, acknowledgement_expires=None)

    assert next_step(once, 2, cycle=0, now=SATURDAY).next_at is not None
    assert next_step(once, 3, cycle=0, now=SATURDAY).next_at is None


def test_after_an_outage_one_step_is_taken_and_the_next_keeps_its_distance() -> None:
    hours_late = SATURDAY + timedelta(hours=3)

    due = next_step(WEDDING_DAY, 1, cycle=0, now=hours_late)

    assert due.level == 2
    assert due.next_at == hours_late + 10 * MINUTE


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
        due = next_step(policy, level, cycle=0, now=now)
        taken.append(now - SATURDAY)
        assert due.next_at is not None
        now = due.next_at

    assert taken == after
