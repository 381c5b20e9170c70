"""Whether two people can be reached at every moment of every wedding to come, and what is said when not."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY, TUESDAY
from webhook_receiver.oncall.coverage import (
    LONGEST_WINDOW,
    LOOK_AHEAD,
    Hole,
    Uncovered,
    Window,
    saturdays,
    uncovered,
    windows_of,
)
from webhook_receiver.oncall.roles import Bench
from webhook_receiver.oncall.schedule import Assigned, Span
from wedsync_core.season import LONGEST_WEDDING, Region, Wedding
from wedsync_core.settings import ContactMethod, OnSchedule, Person, RoleMembers

PEOPLE = {
    key: Person(name=key.title(), contact=[ContactMethod(channel="pager")])
    for key in ("noor", "tomasz", "ines", "grace")
}
ROLES: dict[str, RoleMembers] = {
    "on_call_engineer": OnSchedule(schedule="engineers"),
    "platform_lead": ["ines"],
    "cto": [],
}
NOW = SATURDAY - timedelta(days=3)
LONDON = Region("london", "Europe/London")
PRIYA_AND_TOM = Wedding("priya-tom", "Europe/London", SATURDAY, SATURDAY + timedelta(hours=9), "london")
OPENS, CLOSES = datetime(2026, 6, 13, 5, 0, tzinfo=UTC), datetime(2026, 6, 14, 1, 0, tzinfo=UTC)
THE_DAY = Window(date(2026, 6, 13), "london", OPENS, CLOSES, 1)


def bench(*turns: tuple[datetime, datetime, str | None]) -> Bench:
    """Engineers in these turns, from now to the end of all; None: nobody."""
    found = [Span(begin, end, (Assigned(person, "weekly", 0),) if person else ()) for begin, end, person in turns]
    return Bench(PEOPLE, ROLES, {"engineers": found})


def always(person: str | None) -> Bench:
    return bench((NOW, NOW + LOOK_AHEAD + LONGEST_WINDOW, person))


# --- which windows


def test_a_wedding_of_this_month_has_its_window() -> None:
    assert windows_of([PRIYA_AND_TOM], NOW) == [THE_DAY]


def test_weddings_of_one_day_and_place_are_one_window() -> None:
    again = Wedding("another", "Europe/London", SATURDAY - timedelta(hours=3), SATURDAY, "london")

    assert windows_of([PRIYA_AND_TOM, again], NOW) == [Window(THE_DAY.day, "london", OPENS, CLOSES, 2)]


@pytest.mark.parametrize(
    ("now", "counted"),
    [
        (OPENS - LOOK_AHEAD, False),
        (OPENS - LOOK_AHEAD + timedelta(seconds=1), True),
        (CLOSES - timedelta(seconds=1), True),
        (CLOSES, False),
        (SATURDAY - timedelta(days=400), False),
        (SATURDAY + timedelta(days=400), False),
    ],
)
def test_only_what_is_open_or_opens_in_thirty_days_counts(now: datetime, counted: bool) -> None:
    assert bool(windows_of([PRIYA_AND_TOM], now)) == counted


@given(
    st.timedeltas(timedelta(), timedelta(days=365)).map(lambda since: TUESDAY + since),
    st.timedeltas(timedelta(minutes=1), LONGEST_WEDDING),
    st.sampled_from(["Europe/London", "Pacific/Auckland", "America/Los_Angeles", "Australia/Lord_Howe"]),
    st.timedeltas(timedelta(days=-40), timedelta(days=40)),
)
def test_no_wedding_is_sifted_out_before_its_window_is_known(
    starts_at: datetime, lasts: timedelta, zone: str, ago: timedelta
) -> None:
    wedding = Wedding("w", zone, starts_at, starts_at + lasts, "london")
    now = starts_at - ago

    _sifted_rightly(wedding, now)


def _sifted_rightly(wedding: Wedding, now: datetime) -> None:
    opens, closes = wedding.day_window()
    assert bool(windows_of([wedding], now)) == (closes > now and opens < now + LOOK_AHEAD)
    assert closes - opens <= LONGEST_WINDOW


def test_a_window_may_close_a_day_after_its_wedding_and_open_most_of_a_day_before() -> None:
    half_past_midnight = datetime(2026, 6, 13, 23, 30, tzinfo=UTC)  # in London
    short = Wedding("short", "Europe/London", half_past_midnight, half_past_midnight + timedelta(minutes=30), "london")
    late = Wedding("late", "Europe/London", SATURDAY + timedelta(hours=8.9), SATURDAY + timedelta(hours=12), "london")
    second = timedelta(seconds=1)

    for wedding in (short, late):
        opens, closes = wedding.day_window()
        for now in (closes - second, closes, opens - LOOK_AHEAD, opens - LOOK_AHEAD + second):
            _sifted_rightly(wedding, now)
    assert short.day_window()[1] - short.ends_at == timedelta(hours=25)


def test_without_a_list_every_saturday_counts_in_every_region() -> None:
    found = saturdays([LONDON, Region("auckland", "Pacific/Auckland", "south")], NOW)

    assert found[0] == Window(
        date(2026, 6, 13), "auckland", datetime(2026, 6, 12, 18, tzinfo=UTC), datetime(2026, 6, 13, 14, tzinfo=UTC), 0
    )
    assert [window.day for window in found if window.region == "london"] == [
        date(2026, 6, 13), date(2026, 6, 20), date(2026, 6, 27), date(2026, 7, 4),
    ]  # fmt: skip


def test_a_saturday_night_that_is_still_open_on_sunday_counts() -> None:
    after_midnight = datetime(2026, 6, 14, 0, 30, tzinfo=UTC)  # 01:30 in London

    assert saturdays([LONDON], after_midnight)[0].day == date(2026, 6, 13)
    assert saturdays([LONDON], CLOSES)[0].day == date(2026, 6, 20)


def test_the_saturday_thirty_days_from_a_thursday_noon_has_opened_by_then() -> None:
    thursday = datetime(2026, 6, 11, 12, 0, tzinfo=UTC)

    assert saturdays([LONDON], thursday)[-1].day == date(2026, 7, 11)
    assert saturdays([LONDON], thursday - timedelta(hours=8))[-1].day == date(2026, 7, 4)


def test_a_friday_is_no_saturday() -> None:
    assert {window.day.weekday() for window in saturdays([LONDON], TUESDAY)} == {5}


# --- covered or not

FIRST_STEPS = ["on_call_engineer", "platform_lead", "cto"]


def test_two_people_cover_a_wedding() -> None:
    assert uncovered([THE_DAY], always("noor"), FIRST_STEPS, PEOPLE, NOW) == []


def test_the_same_person_in_two_roles_is_one_person() -> None:
    (found,) = uncovered([THE_DAY], always("ines"), FIRST_STEPS, PEOPLE, NOW)

    assert found == Uncovered(THE_DAY, (Hole(OPENS, CLOSES, "only ines can be reached; nobody is in cto"),))


def test_all_hands_count() -> None:
    assert uncovered([THE_DAY], always(None), ["all_hands"], PEOPLE, NOW) == []


def test_an_hour_without_the_second_person_is_a_hole_of_an_hour() -> None:
    evening = SATURDAY + timedelta(hours=5)
    turns = bench(
        (NOW, evening, "noor"),
        (evening, evening + timedelta(hours=1), None),
        (evening + timedelta(hours=1), NOW + LOOK_AHEAD, "tomasz"),
    )

    (found,) = uncovered([THE_DAY], turns, FIRST_STEPS, PEOPLE, NOW)

    reason = "only ines can be reached; nobody is in on_call_engineer, cto"
    assert found.holes == (Hole(evening, evening + timedelta(hours=1), reason),)


def test_a_hand_off_inside_the_window_is_no_hole() -> None:
    turns = bench((NOW, SATURDAY, "noor"), (SATURDAY, NOW + LOOK_AHEAD, "tomasz"))

    assert uncovered([THE_DAY], turns, FIRST_STEPS, PEOPLE, NOW) == []


def test_somebody_whom_no_critical_page_reaches_does_not_count() -> None:
    (found,) = uncovered([THE_DAY], always("noor"), FIRST_STEPS, {"ines"}, NOW)

    expected = "only ines can be reached; nobody is in cto; critical incidents cannot reach noor"
    assert [hole.reason for hole in found.holes] == [expected]


def test_nobody_at_all_is_said_so() -> None:
    (found,) = uncovered([THE_DAY], always(None), ["on_call_engineer"], PEOPLE, NOW)

    assert found.holes[0].reason == "nobody can be reached; nobody is in on_call_engineer"


def test_what_has_passed_of_an_open_window_is_past() -> None:
    turns = bench((SATURDAY, NOW + LOOK_AHEAD, None))

    (found,) = uncovered([THE_DAY], turns, FIRST_STEPS, PEOPLE, SATURDAY)

    assert (found.holes[0].starts_at, found.holes[0].ends_at) == (SATURDAY, CLOSES)
