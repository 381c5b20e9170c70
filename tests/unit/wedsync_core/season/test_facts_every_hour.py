"""Every hour of eight years, in eight zones: exactly one risk, the right one, and the exact moment it changes.

What is right is worked out here a second time, from the wall clock alone.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wedsync_core.season import PEAK_MONTHS, Region, Risk, Wedding, WeddingIndex, facts

ZONES = {
    "auckland": "Pacific/Auckland",
    "sydney": "Australia/Sydney",
    "london": "Europe/London",
    "new_york": "America/New_York",
    "los_angeles": "America/Los_Angeles",
    "apia": "Pacific/Apia",
    "honolulu": "Pacific/Honolulu",
    "lord_howe": "Australia/Lord_Howe",
}
SOUTH = {"auckland", "sydney", "apia", "lord_howe"}
HOLIDAYS = frozenset({date(2024, 2, 29), date(2027, 12, 27), date(2029, 5, 7)})
REGIONS = {
    name: Region(name, zone, "south" if name in SOUTH else "north", public_holidays=HOLIDAYS)
    for name, zone in ZONES.items()
}
FIRST, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2032, 1, 1, tzinfo=UTC)
HOUR, TICK = timedelta(hours=1), timedelta(microseconds=1)


def wall_clock_risk(moment: datetime, region: Region, *, every_saturday: bool) -> Risk:
    zone = ZoneInfo(region.zone)
    local = moment.astimezone(zone)
    hour, weekday = local.hour, local.weekday()
    night = hour < 2 or (hour == 2 and (moment + HOUR).astimezone(zone).hour == 2)
    if every_saturday and ((weekday == 5 and hour >= 6) or (weekday == 6 and night)):
        return Risk.WEDDING_DAY
    if weekday >= 5 or (night and weekday == 0) or local.date() in HOLIDAYS:
        return Risk.WEEKEND
    if night and local.date() - timedelta(days=1) in HOLIDAYS:
        return Risk.WEEKEND
    return Risk.PEAK_SEASON if local.month in PEAK_MONTHS[region.hemisphere] else Risk.NORMAL


def stretches(region: Region, weddings: WeddingIndex | None) -> Iterator[tuple[datetime, datetime, Risk]]:
    """Walk eight years from change to change."""
    moment = FIRST
    while moment < END:
        here = facts(moment, [region], weddings)[region.name]
        assert here.next_change_at > moment
        yield moment, here.next_change_at, here.risk
        moment = here.next_change_at


@pytest.mark.parametrize("name", ZONES)
def test_each_hour_of_eight_years_has_one_risk_and_each_change_is_exact(name: str) -> None:
    region, hour, previous = REGIONS[name], FIRST, None
    saturdays = 0
    for begins, ends, risk in stretches(region, None):
        assert risk is not previous, f"{name} {begins}: announced as a change, and is none"
        assert wall_clock_risk(ends - TICK, region, every_saturday=True) is risk, f"{name} {ends}"
        while hour < min(ends, END):
            assert wall_clock_risk(hour, region, every_saturday=True) is risk, f"{name} {hour}"
            saturdays += risk is Risk.WEDDING_DAY
            hour += HOUR
        previous = risk
    assert hour == END
    # 2,922 days hold 417 or 418 Saturdays, twenty hours each; in the south an autumn night adds one.
    assert 417 * 20 <= saturdays <= 418 * 20 + 8


@pytest.mark.parametrize("name", ["auckland", "london", "lord_howe"])
def test_with_nobody_marrying_a_saturday_is_still_at_least_a_weekend(name: str) -> None:
    region = REGIONS[name]
    walked = list(stretches(region, WeddingIndex()))
    for (begins, ends, risk), (_, _, following) in pairwise(walked):
        assert risk is not following
        assert risk is not Risk.WEDDING_DAY
        for moment in (begins, begins + (ends - begins) / 2, ends - TICK):
            assert wall_clock_risk(moment, region, every_saturday=False) is risk, f"{name} {moment}"
    weekends = [ends - begins for begins, ends, risk in walked if risk is Risk.WEEKEND]
    assert sum(length >= timedelta(hours=49) for length in weekends) >= 417


@settings(max_examples=40, deadline=None)
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2031, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    st.booleans(),
)
def test_any_moment_has_exactly_one_risk_in_each_region(moment: datetime, every_saturday: bool) -> None:
    everywhere = facts(moment, REGIONS.values(), None if every_saturday else WeddingIndex())
    assert set(everywhere) == set(REGIONS)
    for name, here in everywhere.items():
        assert here.risk is wall_clock_risk(moment, REGIONS[name], every_saturday=every_saturday)
        assert here.local_time == moment


DST_NIGHTS = [datetime(2026, 3, 7), datetime(2026, 3, 28), datetime(2026, 10, 3), datetime(2026, 11, 1),  # noqa: DTZ001
              datetime(2026, 4, 4), datetime(2024, 2, 29), datetime(2026, 12, 31)]  # noqa: DTZ001  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-72, 72), st.integers(1, 60)), max_size=6),
    st.sampled_from(DST_NIGHTS),
    st.integers(-90 * 60, 90 * 60),
    st.sampled_from(sorted(ZONES)),
    st.integers(1, 2),
    st.booleans(),
)
def test_the_next_change_is_exact_with_weddings_too(
    parts: list[tuple[int, int]],
    night: datetime,
    minute: int,
    name: str,
    needed: int,
    fresh: bool,
) -> None:
    region, around = REGIONS[name], night.replace(tzinfo=UTC)
    index = WeddingIndex(
        Wedding(str(number), region.zone, starts, starts + timedelta(hours=length), name)
        for number, (offset, length) in enumerate(parts)
        for starts in [around + timedelta(hours=offset)]
    )

    def risk(moment: datetime) -> Risk:
        return facts(moment, [region], index, weddings_needed=needed, list_is_fresh=fresh)[name].risk

    now = around + timedelta(minutes=minute)
    here = facts(now, [region], index, weddings_needed=needed, list_is_fresh=fresh)[name]
    assert risk(here.next_change_at) is not here.risk
    assert risk(here.next_change_at - TICK) is here.risk
    # Everything in this world happens on whole half hours: between two of them nothing can hide.
    half_hour = now.replace(minute=now.minute // 30 * 30) + timedelta(minutes=30)
    while half_hour < min(here.next_change_at, now + timedelta(hours=30)):
        assert risk(half_hour) is here.risk
        half_hour += timedelta(minutes=30)
