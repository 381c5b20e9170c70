"""Wall times at the venue, on the nights the clocks change too."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wedsync_core.season.localtime import (
    first_moment,
    last_moment,
    load_zone,
    local_date,
    shown_time,
    wedding_day_window,
)

ZONES = [
    "Europe/London", "Pacific/Auckland", "Australia/Sydney", "Australia/Lord_Howe", "America/New_York",
    "America/Los_Angeles", "Pacific/Apia", "Pacific/Honolulu", "America/Santiago", "America/Havana", "Africa/Cairo",
]  # fmt: skip


def test_an_ordinary_wall_time_is_one_moment() -> None:
    london = load_zone("Europe/London")
    three_in_the_afternoon = datetime(2026, 6, 13, 14, 0, tzinfo=UTC)
    assert first_moment(date(2026, 6, 13), time(15), london) == three_in_the_afternoon
    assert last_moment(date(2026, 6, 13), time(15), london) == three_in_the_afternoon


def test_a_skipped_wall_time_is_the_first_moment_after_the_gap() -> None:
    london, lord_howe = load_zone("Europe/London"), load_zone("Australia/Lord_Howe")
    change = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    for wall in (time(1, 0), time(1, 1), time(1, 59, 59, 999999)):
        assert first_moment(date(2026, 3, 29), wall, london) == change
        assert last_moment(date(2026, 3, 29), wall, london) == change
    half_an_hour = datetime(2026, 10, 3, 15, 30, tzinfo=UTC)
    assert first_moment(date(2026, 10, 4), time(2, 15), lord_howe) == half_an_hour


def test_a_skipped_midnight_is_the_first_moment_of_the_day() -> None:
    santiago = load_zone("America/Santiago")
    assert first_moment(date(2026, 9, 6), time(0), santiago) == datetime(2026, 9, 6, 4, 0, tzinfo=UTC)
    assert local_date(datetime(2026, 9, 6, 3, 59, tzinfo=UTC), santiago) == date(2026, 9, 5)
    assert local_date(datetime(2026, 9, 6, 4, 0, tzinfo=UTC), santiago) == date(2026, 9, 6)


def test_a_whole_skipped_day_is_the_moment_after_it() -> None:
    # Samoa crossed the date line: 30 December 2011 was never shown there.
    apia = load_zone("Pacific/Apia")
    crossing = datetime(2011, 12, 30, 10, 0, tzinfo=UTC)
    assert first_moment(date(2011, 12, 30), time(12), apia) == crossing
    assert last_moment(date(2011, 12, 30), time(12), apia) == crossing


def test_a_wall_time_shown_twice_is_the_first_or_the_last_as_asked() -> None:
    new_york = load_zone("America/New_York")
    assert first_moment(date(2026, 11, 1), time(1, 30), new_york) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert last_moment(date(2026, 11, 1), time(1, 30), new_york) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_a_day_that_has_begun_stays_begun_when_its_first_minute_is_shown_twice() -> None:
    # Until 2011 Newfoundland went back at 00:01, to 23:01 of the day before.
    st_johns = load_zone("America/St_Johns")
    midnight = datetime(2010, 11, 7, 2, 30, tzinfo=UTC)
    an_hour_later = midnight + timedelta(minutes=31)
    assert an_hour_later.astimezone(st_johns).date() == date(2010, 11, 6)
    assert local_date(midnight - timedelta(seconds=1), st_johns) == date(2010, 11, 6)
    assert local_date(midnight, st_johns) == date(2010, 11, 7)
    assert local_date(an_hour_later, st_johns) == date(2010, 11, 7)


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param(date(2026, 6, 13), 20, id="any day"),
        pytest.param(date(2026, 3, 28), 19, id="the night skips an hour"),
        pytest.param(date(2026, 10, 24), 21, id="the night repeats an hour"),
        pytest.param(date(2024, 2, 29), 20, id="29 February"),
    ],
)
def test_a_wedding_day_lasts_from_six_to_two_by_the_venues_clocks(day: date, hours: int) -> None:
    opens, closes = wedding_day_window(day, load_zone("Europe/London"))
    assert closes - opens == timedelta(hours=hours)


def test_sydneys_second_two_oclock_closes_the_wedding_day() -> None:
    # 5 April 2026: 03:00 goes back to 02:00, so that 02:00 is shown twice.
    _, closes = wedding_day_window(date(2026, 4, 4), load_zone("Australia/Sydney"))
    assert closes == datetime(2026, 4, 4, 16, 0, tzinfo=UTC)


def test_a_shown_time_equals_its_moment_even_when_the_clocks_show_it_twice() -> None:
    moment = datetime(2028, 10, 29, 0, 0, tzinfo=UTC)
    london = load_zone("Europe/London")
    assert moment.astimezone(london) != moment  # the trap
    assert shown_time(moment, london) == moment
    assert shown_time(moment, london).isoformat() == "2028-10-29T01:00:00+01:00"


@settings(deadline=None)
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2031, 12, 31)),  # noqa: DTZ001 - wall times have no zone
    st.sampled_from(ZONES),
)
def test_a_moment_found_shows_the_wall_time_asked_for_or_follows_a_gap(wall: datetime, key: str) -> None:
    zone = load_zone(key)
    first = first_moment(wall.date(), wall.time(), zone)
    last = last_moment(wall.date(), wall.time(), zone)
    assert first <= last
    for moment in (first, last):
        shown = moment.astimezone(zone).replace(tzinfo=None)
        just_before = (moment - timedelta(microseconds=1)).astimezone(zone).replace(tzinfo=None)
        assert shown == wall or just_before < wall < shown


@pytest.mark.parametrize(
    "key",
    ["", "Mars/Olympus", "Europe", "../etc/passwd", "/etc/localtime", "localtime", "posixrules", "right/Europe/London",
     "posix/Europe/London", "Europe/London\x00", "\ud800", "x" * 5000, "europe//london"],
)  # fmt: skip
def test_what_is_no_zone_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone"):
        load_zone(key)
