"""What turns the life of a group."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.errors.life import (
    Arrival,
    Level,
    Life,
    Resolution,
    State,
    Turn,
    aged,
    begun,
    hushed,
    level,
    on_arrival,
    on_level,
    reopening,
    unmuted,
)
from tests.cast import SATURDAY

HEARD = {"2.0.0": SATURDAY - timedelta(days=9), "2.1.0": SATURDAY - timedelta(days=2), "ab12cd3": SATURDAY}


def at(minutes: float) -> datetime:
    return SATURDAY + timedelta(minutes=minutes)


def resolved(how: Resolution = Resolution.NOW, release: str = "2.1.0") -> Life:
    return Life(State.RESOLVED, at(0), at(0), how, release)


def came(release: str, minutes: float = 5) -> Arrival:
    return Arrival(release, at(minutes), 1, 0)


COMES_BACK = {
    "now: again in the newest release": (resolved(), came("2.1.0"), True),
    "now: in a newer one": (resolved(), came("2.2.0"), True),
    "now: a long-lived tab with an old release": (resolved(), came("2.0.0"), False),
    "now: an old release that was never heard of": (resolved(), came("1.9.0"), False),
    "now: without a release": (resolved(), came(""), True),
    "now: it happened before, and came late": (resolved(), came("2.1.0", minutes=-1), False),
    "now: at the very moment": (resolved(), came("2.1.0", minutes=0), False),
    "now: no release was known": (resolved(release=""), came("2.0.0"), True),
    "in a release: that one": (resolved(Resolution.IN_RELEASE, "2.2.0"), came("2.2.0"), True),
    "in a release: one before": (resolved(Resolution.IN_RELEASE, "2.2.0"), came("2.1.0"), False),
    "in a release: one after": (resolved(Resolution.IN_RELEASE, "2.2.0"), came("2.2.1"), True),
    "in a release: a late one of that release": (resolved(Resolution.IN_RELEASE, "2.2.0"), came("2.2.0", -5), False),
    "in the next: the present one": (resolved(Resolution.NEXT_RELEASE), came("2.1.0"), False),
    "in the next: the next": (resolved(Resolution.NEXT_RELEASE), came("2.1.1"), True),
    "in the next: an old one": (resolved(Resolution.NEXT_RELEASE), came("2.0.0"), False),
    "in the next: a hash heard of later": (resolved(Resolution.NEXT_RELEASE), came("ab12cd3"), True),
    "recovered by itself: an old release is news": (resolved(Resolution.RECOVERED, ""), came("2.0.0"), True),
}


@pytest.mark.parametrize(("life", "arrival", "back"), COMES_BACK.values(), ids=COMES_BACK.keys())
def test_what_comes_back(life: Life, arrival: Arrival, back: bool) -> None:
    told = on_arrival(life, arrival, HEARD, at(10))
    assert (told is not None) == back
    if told is not None:
        assert (told.turn, told.life.state, told.life.since) == (Turn.REGRESSED, State.REGRESSED, at(10))
        assert told.reason


@given(
    how=st.sampled_from([Resolution.NOW, Resolution.IN_RELEASE, Resolution.NEXT_RELEASE]),
    release=st.sampled_from(["", "1.0.0", "2.0.0", "2.1.0", "3.0.0", "ab12cd3"]),
    late=st.integers(0, 10_000),
)
def test_what_happened_before_the_resolution_never_reopens(how: Resolution, release: str, late: int) -> None:
    assert not reopening(resolved(how), came(release, -late), HEARD)


@given(older=st.tuples(st.integers(0, 2), st.integers(0, 50), st.integers(0, 50)), minutes=st.integers(1, 10_000))
def test_an_older_release_never_reopens(older: tuple[int, int, int], minutes: int) -> None:
    release = ".".join(map(str, older))
    for how in (Resolution.NOW, Resolution.IN_RELEASE, Resolution.NEXT_RELEASE):
        assert not reopening(resolved(how, "3.0.0"), came(release, minutes), {release: at(minutes)})


@pytest.mark.parametrize("state", [State.NEW, State.ONGOING, State.ESCALATING, State.MUTED, State.MERGED])
def test_only_what_is_resolved_can_come_back(state: State) -> None:
    assert on_arrival(replace(resolved(), state=state), came("9.0.0"), HEARD, at(9)) is None


def muted(**changes: object) -> Life:
    return replace(Life(State.MUTED, at(0), muted_rank=1), **changes)  # type: ignore[arg-type] # real fields


def test_a_muted_group_is_heard_when_it_gets_graver_or_its_time_is_over() -> None:
    assert hushed(muted(), 1, at(1))
    assert not hushed(muted(), 2, at(1))
    assert hushed(muted(muted_until=at(5)), 1, at(4.9))
    assert not hushed(muted(muted_until=at(5)), 1, at(5))
    assert not hushed(begun(at(0), at(1)), 0, at(1))


def test_a_mute_ends_by_time_errors_or_users_whichever_comes_first() -> None:
    def end(life: Life, *, errors: int = 0, users: int = 0, minutes: float = 1) -> str:
        told = unmuted(life, errors=errors, users=users, first_seen_at=at(-9_000), now=at(minutes))
        return told.reason if told else ""

    life = muted(muted_until=at(60), muted_errors=500, muted_users=3)
    assert end(life, errors=499, users=2, minutes=59) == ""
    assert end(life, minutes=60) == "its time is over"
    assert end(life, errors=500) == "it has had 500 errors"
    assert end(life, users=3) == "3 users were hit since"
    assert end(muted(), errors=10**9, users=10**9, minutes=10**6) == "", "muted for good"


def test_news_ages() -> None:
    life = begun(at(0), at(1))
    assert life.state is State.NEW
    assert aged(life, at(60 * 24) - timedelta(seconds=1)) is None
    told = aged(life, at(60 * 24))
    assert told is not None
    assert told.life.state is State.ONGOING
    assert begun(at(0), at(60 * 48)).state is State.ONGOING


DAY, WEEKS = timedelta(days=1), timedelta(weeks=5)
LOUD = {
    "a quiet group gets loud": (level(40, [], 24, 3 * DAY), True),
    "below the floor, however unusual": (level(19, [0, 0, 0, 0], 0, WEEKS), False),
    "at the floor, out of nothing": (level(20, [0, 0, 0, 0], 0, WEEKS), True),
    "every Saturday is like this": (level(100, [1200, 1100, 1300, 1200], 600, WEEKS), False),
    "three times a usual Saturday": (level(301, [1200, 1200, 1200, 1200], 600, WEEKS), True),
    "just three times is not more than three times": (level(300, [1200, 1200, 1200, 1200], 600, WEEKS), False),
    "the day before was as loud": (level(60, [0, 0], 24 * 12 * 50, WEEKS), False),
    "chance alone: six where four are expected": (level(20, [], 288 * 8, 3 * DAY), False),
}


@pytest.mark.parametrize(("now_level", "spike"), LOUD.values(), ids=LOUD.keys())
def test_a_spike_is_measured_by_the_same_hour_of_the_week_and_a_floor(now_level: Level, spike: bool) -> None:
    assert now_level.is_spike is spike


def test_it_escalates_and_calms_down_without_flapping() -> None:
    loud, middling, calm = Level(100, 10, "day_before"), Level(25, 10, "day_before"), Level(20, 10, "day_before")
    told = on_level(Life(State.ONGOING, at(-9_000)), loud, DAY, at(0))
    assert told is not None
    assert (told.turn, told.life.state) == (Turn.ESCALATED, State.ESCALATING)
    assert "100 in five minutes, 10.0 expected" in told.reason
    rising = told.life
    assert on_level(rising, loud, DAY, at(20)) is None
    assert on_level(rising, middling, DAY, at(20)) is None, "between the factors it stays as it is"
    assert on_level(rising, calm, DAY, at(14)) is None, "too soon"
    over = on_level(rising, calm, DAY, at(15))
    assert over is not None
    assert over.life.state is State.ONGOING


def test_what_began_just_now_is_new_and_not_escalating() -> None:
    assert on_level(begun(at(0), at(3)), Level(900, 0, "nothing"), timedelta(minutes=3), at(3)) is None
    assert on_level(begun(at(0), at(30)), Level(900, 0, "nothing"), timedelta(minutes=30), at(30)) is not None


@pytest.mark.parametrize("state", [State.RESOLVED, State.MUTED, State.MERGED])
def test_what_is_resolved_or_muted_does_not_escalate(state: State) -> None:
    assert on_level(Life(state, at(-9_000)), Level(900, 0, "nothing"), DAY, at(0)) is None
