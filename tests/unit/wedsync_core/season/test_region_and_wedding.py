"""Regions and weddings that make no sense are refused by field; a wedding's day covers the wedding."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cast import SATURDAY, TUESDAY
from wedsync_core.season import InvalidField, Region, Wedding, WeddingIndex, regions_by_name

LONDON = Region("united_kingdom", "Europe/London")


def wedding(starts_at: datetime, ends_at: datetime, zone: str = "Europe/London", wedding_id: str = "w1") -> Wedding:
    return Wedding(wedding_id, zone, starts_at, ends_at, "united_kingdom", 120)


def at(zone: str, *parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold)  # type: ignore[misc,arg-type]


def test_months_follow_the_hemisphere_unless_the_region_names_its_own() -> None:
    north, south = LONDON, Region("australia", "Australia/Sydney", "south")
    assert [month for month in range(1, 13) if north.is_peak_month(month)] == [5, 6, 7, 8, 9, 10]
    assert [month for month in range(1, 13) if south.is_peak_month(month)] == [1, 2, 3, 4, 10, 11, 12]
    assert Region("dubai", "Asia/Dubai", peak_months=frozenset({1})).is_peak_month(1)
    assert not any(Region("iceland", "Atlantic/Reykjavik", peak_months=frozenset()).is_peak_month(m) for m in range(13))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "United Kingdom"}, "name: 'United Kingdom' is not a lower-case name"),
        ({"name": ""}, "name: '' is not a lower-case name"),
        ({"zone": "Europe/Londn"}, "zone: there is no time zone 'Europe/Londn'"),
        ({"hemisphere": "east"}, "hemisphere: 'east' is neither 'north' nor 'south'"),
        ({"peak_months": frozenset({0})}, "peak_months: a month is a number from 1 to 12"),
        ({"peak_months": frozenset({13})}, "peak_months: a month is a number from 1 to 12"),
    ],
)
def test_a_wrong_region_is_refused_by_field(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidField, match=f"^{message}"):
        Region(**{"name": "united_kingdom", "zone": "Europe/London", **wrong})


def test_two_regions_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidField, match="'united_kingdom' is given twice"):
        regions_by_name([LONDON, LONDON])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"wedding_id": ""}, "wedding_id: is empty or longer than 200 characters"),
        ({"wedding_id": "w" * 201}, "wedding_id: is empty or longer than 200 characters"),
        ({"wedding_id": "w\n1"}, "wedding_id: holds a control character"),
        ({"wedding_id": "w\ud800"}, "wedding_id: holds a control character"),
        ({"zone": "Nowhere"}, "zone: there is no time zone 'Nowhere'"),
        ({"starts_at": datetime(2026, 6, 13, 15)}, "starts_at: 2026-06-13T15:00:00 has no time zone"),  # noqa: DTZ001
        ({"ends_at": datetime(2206, 6, 13, 15, tzinfo=UTC)}, "ends_at: 2206 is outside the years 1970 to 2199"),
        ({"starts_at": datetime(206, 6, 13, 15, tzinfo=UTC)}, "starts_at: 206 is outside the years 1970 to 2199"),
        ({"ends_at": SATURDAY}, "ends_at: is not later than starts_at"),
        ({"ends_at": SATURDAY + timedelta(days=365)}, "ends_at: is more than 14 days after starts_at"),
        ({"guest_count": -1}, "guest_count: is not a number from 0 to 1000000"),
    ],
)
def test_a_wrong_wedding_is_refused_by_field(wrong: dict[str, Any], message: str) -> None:
    right = {
        "wedding_id": "w1", "zone": "Europe/London", "starts_at": SATURDAY, "ends_at": SATURDAY + timedelta(hours=9),
        "region": "united_kingdom", "guest_count": 120,
    }  # fmt: skip
    with pytest.raises(InvalidField, match=f"^{message}") as caught:
        Wedding(**{**right, **wrong})
    assert caught.value.field == next(iter(wrong))


def test_a_formula_and_an_emoji_in_an_id_are_only_text() -> None:
    assert wedding(SATURDAY, SATURDAY + timedelta(hours=1), wedding_id="=HYPERLINK(1) 💍").wedding_id[0] == "="


LON, NYC, SYD = "Europe/London", "America/New_York", "Australia/Sydney"


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "opens", "closes"),
    [
        pytest.param(
            at(LON, 2026, 6, 13, 15), at(LON, 2026, 6, 13, 23), at(LON, 2026, 6, 13, 6), at(LON, 2026, 6, 14, 2),
            id="an afternoon and evening",
        ),
        pytest.param(
            at(LON, 2026, 6, 13, 15), at(LON, 2026, 6, 14, 1), at(LON, 2026, 6, 13, 6), at(LON, 2026, 6, 14, 2),
            id="past midnight is still Saturday's wedding",
        ),
        pytest.param(
            at(LON, 2026, 6, 13, 15), at(LON, 2026, 6, 14, 5), at(LON, 2026, 6, 13, 6), at(LON, 2026, 6, 14, 5),
            id="until five: stretched to the end",
        ),
        pytest.param(
            at(LON, 2026, 6, 13, 5), at(LON, 2026, 6, 13, 12), at(LON, 2026, 6, 13, 5), at(LON, 2026, 6, 14, 2),
            id="a sunrise ceremony: stretched to the start",
        ),
        pytest.param(
            at(LON, 2026, 6, 14, 0, 30), at(LON, 2026, 6, 14, 1), at(LON, 2026, 6, 14, 0, 30), at(LON, 2026, 6, 15, 2),
            id="just after midnight is the new day's wedding",
        ),
        pytest.param(
            at(LON, 2026, 6, 12, 18), at(LON, 2026, 6, 14, 11), at(LON, 2026, 6, 12, 6), at(LON, 2026, 6, 15, 2),
            id="three days, each covered",
        ),
        pytest.param(
            at(LON, 2026, 6, 13, 0), at(LON, 2026, 6, 14, 0), at(LON, 2026, 6, 13, 0), at(LON, 2026, 6, 14, 2),
            id="a whole local day",
        ),
        pytest.param(
            at(NYC, 2026, 3, 7, 16), at(NYC, 2026, 3, 8, 1), at(NYC, 2026, 3, 7, 6), at(NYC, 2026, 3, 8, 3),
            id="the night that skips two o'clock: closes at three, the first moment after the gap",
        ),
        pytest.param(
            at(NYC, 2026, 10, 31, 16), at(NYC, 2026, 11, 1, 1, 30, fold=1), at(NYC, 2026, 10, 31, 6),
            at(NYC, 2026, 11, 1, 2), id="the night that shows one o'clock twice",
        ),
        pytest.param(
            at(SYD, 2026, 4, 4, 16), at(SYD, 2026, 4, 5, 1), at(SYD, 2026, 4, 4, 6), at(SYD, 2026, 4, 5, 2, fold=1),
            id="the night that shows two o'clock twice: closes at the second",
        ),
        pytest.param(
            at(LON, 2024, 2, 29, 14), at(LON, 2024, 2, 29, 23), at(LON, 2024, 2, 29, 6), at(LON, 2024, 3, 1, 2),
            id="29 February",
        ),
        pytest.param(
            at(LON, 2025, 12, 31, 18), at(LON, 2026, 1, 1, 1), at(LON, 2025, 12, 31, 6), at(LON, 2026, 1, 1, 2),
            id="New Year's Eve",
        ),
    ],
)  # fmt: skip
def test_a_wedding_day_window(starts_at: datetime, ends_at: datetime, opens: datetime, closes: datetime) -> None:
    zone = str(starts_at.tzinfo)
    # Moments of one zone compare by their wall time in Python: UTC is what tells the two two o'clocks apart.
    assert wedding(starts_at, ends_at, zone).day_window() == (opens.astimezone(UTC), closes.astimezone(UTC))


@settings(deadline=None)
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2031, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(1, 14 * 24 * 60),
    st.sampled_from([LON, NYC, SYD, "Australia/Lord_Howe", "Pacific/Apia", "America/Santiago", "America/Havana"]),
)
def test_the_window_always_covers_the_wedding_and_each_of_its_days(start: datetime, minutes: int, zone: str) -> None:
    married = wedding(start, start + timedelta(minutes=minutes), zone)
    opens, closes = married.day_window()
    assert opens <= married.starts_at < married.ends_at <= closes
    assert timedelta(hours=18) <= closes - opens <= timedelta(minutes=minutes) + timedelta(hours=50)
    first_noon = datetime.combine(married.starts_at.astimezone(ZoneInfo(zone)), datetime.min.time(), ZoneInfo(zone))
    assert opens <= first_noon.replace(hour=12) < closes


def test_an_index_counts_weddings_without_walking_them() -> None:
    index = WeddingIndex(
        [
            wedding(SATURDAY, SATURDAY + timedelta(hours=8), wedding_id="priya-tom"),
            wedding(SATURDAY + timedelta(hours=2), SATURDAY + timedelta(hours=9), wedding_id="second"),
            wedding(TUESDAY, TUESDAY + timedelta(hours=1), wedding_id="winter"),
        ]
    )
    assert len(index) == 3
    assert {married.wedding_id for married in index} == {"priya-tom", "second", "winter"}
    assert index.get("priya-tom") is not None
    assert index.get("nobody") is None
    noon = datetime(2026, 6, 13, 11, 0, tzinfo=UTC)
    assert (index.in_progress("united_kingdom", noon), index.under_way("united_kingdom", noon)) == (2, 0)
    assert (index.in_progress("united_kingdom", SATURDAY), index.under_way("united_kingdom", SATURDAY)) == (2, 1)
    assert index.in_progress("elsewhere", SATURDAY) == 0
    assert index.span_at("united_kingdom", SATURDAY, 3) is None
    assert index.next_span("united_kingdom", TUESDAY, 1) == datetime(2026, 6, 13, 5, 0, tzinfo=UTC)
    assert index.next_span("united_kingdom", SATURDAY, 1) is None


def test_a_window_that_opens_as_another_closes_makes_one_span() -> None:
    dawn = at(LON, 2026, 6, 14, 6).astimezone(UTC)
    index = WeddingIndex(
        [
            wedding(SATURDAY, dawn, wedding_id="until dawn"),
            wedding(dawn, dawn + timedelta(hours=9), wedding_id="sunday"),
        ]
    )
    whole = (at(LON, 2026, 6, 13, 6).astimezone(UTC), at(LON, 2026, 6, 15, 2).astimezone(UTC))
    assert index.in_progress("united_kingdom", dawn) == 1
    assert index.span_at("united_kingdom", SATURDAY, 1) == whole
    assert index.span_at("united_kingdom", dawn, 1) == whole


def test_of_two_weddings_with_one_id_the_last_stands() -> None:
    index = WeddingIndex(
        [wedding(SATURDAY, SATURDAY + timedelta(hours=1)), wedding(TUESDAY, SATURDAY - timedelta(days=140))]
    )
    assert len(index) == 1
    assert index.in_progress("united_kingdom", SATURDAY) == 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 100)), max_size=12), st.integers(1, 4), st.integers(-20, 330)
)
def test_spans_are_exactly_the_hours_with_enough_weddings(parts: list[tuple[int, int]], needed: int, hour: int) -> None:
    index = WeddingIndex(
        wedding(TUESDAY + timedelta(hours=start), TUESDAY + timedelta(hours=start + length), wedding_id=str(number))
        for number, (start, length) in enumerate(parts)
    )
    moment = TUESDAY + timedelta(hours=hour)
    windows = [married.day_window() for married in index]
    open_now = sum(opens <= moment < closes for opens, closes in windows)
    assert index.in_progress("united_kingdom", moment) == open_now
    span = index.span_at("united_kingdom", moment, needed)
    assert (span is not None) == (open_now >= needed)
    if span:
        begins, ends = span
        for edge, outside in ((begins, begins - timedelta(microseconds=1)), (ends, ends)):
            assert index.in_progress("united_kingdom", outside) < needed, edge
        inside = [bound for window in windows for bound in window if begins <= bound < ends]
        assert all(index.in_progress("united_kingdom", bound) >= needed for bound in inside)


def test_a_holiday_is_a_free_day() -> None:
    region = Region("united_kingdom", "Europe/London", public_holidays=frozenset({date(2026, 12, 25)}))
    assert region.is_free_day(date(2026, 12, 25))
    assert not region.is_free_day(date(2026, 12, 24))
