"""How many messages a person gets in a storm, and that none of it waits for nothing."""

from datetime import datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.notify.throttle import SINGLES, Limit, Went, decide, gap, next_slot, share

LOW, MEDIUM, HIGH, CRITICAL = range(4)
SMS = Limit(5, timedelta(minutes=15))
PUSH = Limit(10, timedelta(minutes=5))

limits = st.builds(Limit, st.integers(2, 40), st.integers(10, 3600).map(lambda seconds: timedelta(seconds=seconds)))
arrivals = st.lists(
    st.tuples(st.integers(0, 900), st.sampled_from([LOW, MEDIUM, HIGH, CRITICAL])), min_size=1, max_size=60
)


class Sent:
    """A message as it went: when, and the pages in it as (arrived, rank)."""

    def __init__(self, at: datetime, pages: list[tuple[datetime, int]]) -> None:
        self.at, self.pages = at, pages


def play(limit: Limit, arriving: list[tuple[int, int]]) -> list[Sent]:
    """Let pages arrive and messages go until nothing waits; a message is over in the moment it goes."""
    queue = sorted((SATURDAY + timedelta(seconds=second), rank) for second, rank in arriving)
    waiting: list[tuple[datetime, int]] = []
    sent: list[Sent] = []
    now = queue[0][0]
    while queue or waiting:
        waiting += [page for page in queue if page[0] <= now]
        queue = [page for page in queue if page[0] > now]
        waiting.sort(key=lambda page: (-page[1], page[0]))
        went = [Went(one.at, max(rank for _, rank in one.pages)) for one in sent]
        verdict = decide([rank for _, rank in waiting], went, limit, now)
        sent += [Sent(now, [waiting[position] for position in message]) for message in verdict.messages]
        taken = {position for message in verdict.messages for position in message}
        waiting = [page for position, page in enumerate(waiting) if position not in taken]
        moments = [*([verdict.next_at] if verdict.next_at else []), *(page[0] for page in queue[:1])]
        assert moments or not waiting, "what waits has a moment at which it goes"
        now = min(moments, default=now)
    return sent


@given(limits, arrivals)
def test_the_limit_is_hard_and_nothing_is_dropped(limit: Limit, arriving: list[tuple[int, int]]) -> None:
    sent = play(limit, arriving)

    times = [one.at for one in sent]
    assert all(later - earlier >= limit.per for earlier, later in zip(times, times[limit.messages :], strict=False))
    arrived = sorted((SATURDAY + timedelta(seconds=second), rank) for second, rank in arriving)
    assert sorted(page for one in sent for page in one.pages) == arrived


@given(limits, arrivals)
def test_the_next_message_names_every_critical_page_that_waits_and_names_it_first(
    limit: Limit, arriving: list[tuple[int, int]]
) -> None:
    sent = play(limit, arriving)

    for number, one in enumerate(sent):
        assert [rank for _, rank in one.pages] == sorted((rank for _, rank in one.pages), reverse=True)
        later = [page for other in sent[number + 1 :] if other.at > one.at for page in other.pages]
        assert all(arrived > one.at for arrived, rank in later if rank == CRITICAL)


@given(limits, arrivals)
@example(Limit(2, timedelta(seconds=10)), [(0, MEDIUM), (1, LOW), (4, CRITICAL)])
@example(Limit(3, timedelta(seconds=10)), [(0, HIGH), (1, HIGH), (2, MEDIUM), (4, CRITICAL)])
def test_a_critical_page_goes_at_once_unless_another_went_within_the_span(
    limit: Limit, arriving: list[tuple[int, int]]
) -> None:
    sent = play(limit, arriving)

    for number, one in enumerate(sent):
        delayed = [arrived for arrived, rank in one.pages if rank == CRITICAL and arrived < one.at]
        for arrived in delayed:
            before = [
                other.at
                for other in sent[:number]
                if any(rank == CRITICAL for _, rank in other.pages) and arrived - limit.per < other.at <= arrived
            ]
            assert before, "no storm of others may hold it"


@given(limits, arrivals)
def test_a_critical_page_never_waits_for_a_whole_span(limit: Limit, arriving: list[tuple[int, int]]) -> None:
    waits = [one.at - arrived for one in play(limit, arriving) for arrived, rank in one.pages if rank == CRITICAL]

    assert all(wait < limit.per for wait in waits) or limit.messages == 2


@given(limits, st.sampled_from([LOW, MEDIUM, HIGH, CRITICAL]))
def test_a_lone_page_is_never_delayed(limit: Limit, rank: int) -> None:
    assert decide([rank], [], limit, SATURDAY).messages == ((0,),)
    old = [Went(SATURDAY - limit.per, CRITICAL)] * limit.messages
    assert decide([rank], old, limit, SATURDAY).messages == ((0,),)


@given(limits)
def test_gaps_grow_and_leave_the_largest_for_the_end(limit: Limit) -> None:
    gaps = [gap(slot, limit) for slot in range(limit.messages)]
    last = limit.per - sum(gaps, timedelta())

    assert gaps == sorted(gaps)
    assert last >= gaps[-1] - timedelta(microseconds=limit.messages)


def test_five_text_messages_a_quarter_of_an_hour_are_spread_over_it() -> None:
    """The case of the documentation: a critical page every second, for a quarter of an hour and a bit."""
    sent = play(SMS, [(second, CRITICAL) for second in range(901)])

    minutes = [(one.at - SATURDAY).total_seconds() / 60 for one in sent]
    assert minutes == pytest.approx([0, 1 / 60, 1.5 + 1 / 60, 4.5 + 1 / 60, 9 + 1 / 60, 15])
    assert sum(len(one.pages) for one in sent) == 901


def test_a_storm_of_others_leaves_a_slot_for_what_is_critical() -> None:
    storm = [(second, MEDIUM) for second in range(280)]
    sent = play(PUSH, [*storm, (200, CRITICAL)])

    (when,) = [one.at for one in sent if any(rank == CRITICAL for _, rank in one.pages)]
    assert when == SATURDAY + timedelta(seconds=200)
    assert sum(1 for one in sent if one.at < when) <= share(MEDIUM, PUSH)


def test_a_few_together_go_one_by_one_and_more_as_one() -> None:
    few, more = [CRITICAL] * SINGLES, [CRITICAL] * (SINGLES + 1)

    assert decide(few, [], PUSH, SATURDAY).messages == ((0,), (1,), (2,))
    assert decide(more, [], PUSH, SATURDAY).messages == ((0, 1, 2, 3),)
    assert decide(few, [Went(SATURDAY, CRITICAL)], PUSH, SATURDAY).messages == ((0, 1, 2),)


def test_a_channel_without_a_limit_sends_each_by_itself() -> None:
    verdict = decide([LOW] * 50, [Went(SATURDAY, LOW)] * 50, None, SATURDAY)

    assert verdict.reason == "unlimited"
    assert len(verdict.messages) == 50


def test_a_clock_set_back_does_not_hold_pages_for_hours() -> None:
    ahead = [Went(SATURDAY + timedelta(hours=2), CRITICAL)] * PUSH.messages

    assert next_slot(CRITICAL, ahead, PUSH, SATURDAY) == SATURDAY
