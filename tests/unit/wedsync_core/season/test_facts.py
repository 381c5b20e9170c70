"""Stories of the calendar: what a moment means, why, and until when."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.cast import SATURDAY, TUESDAY
from wedsync_core.season import Region, RegionFacts, Risk, Wedding, WeddingIndex, facts

UK = Region("united_kingdom", "Europe/London", public_holidays=frozenset({date(2026, 12, 25), date(2026, 12, 28)}))
NEW_ZEALAND = Region("new_zealand", "Pacific/Auckland", "south")
EAST_COAST = Region("east_coast", "America/New_York")
WEST_COAST = Region("west_coast", "America/Los_Angeles")
REGIONS = (UK, NEW_ZEALAND, EAST_COAST, WEST_COAST)
NOBODY = WeddingIndex()


def at(zone: str, *parts: int, fold: int = 0) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]


def wedding(wedding_id: str, starts_at: datetime, hours: float = 9, region: Region = UK, zone: str = "") -> Wedding:
    return Wedding(wedding_id, zone or region.zone, starts_at, starts_at + timedelta(hours=hours), region.name, 120)


def uk(now: datetime, weddings: WeddingIndex | None = NOBODY, needed: int = 1, *, fresh: bool = True) -> RegionFacts:
    return facts(now, [UK], weddings, weddings_needed=needed, list_is_fresh=fresh)["united_kingdom"]


def test_on_an_ordinary_tuesday_nothing_is_special_until_saturday() -> None:
    tuesday = uk(TUESDAY)
    assert tuesday.risk is Risk.NORMAL
    assert tuesday.reason == "an ordinary Tuesday"
    assert [tuesday.is_weekend, tuesday.is_peak_season, tuesday.is_wedding_day] == [False, False, False]
    assert tuesday.next_change_at == at("Europe/London", 2026, 1, 17)
    assert tuesday.local_time.isoformat() == "2026-01-13T10:00:00+00:00"


def test_the_same_moment_is_another_day_elsewhere() -> None:
    saturday_evening_in_auckland = at("Pacific/Auckland", 2026, 1, 17, 8)
    everywhere = facts(saturday_evening_in_auckland, REGIONS, NOBODY)
    assert {name: here.risk for name, here in everywhere.items()} == {
        "united_kingdom": Risk.NORMAL,
        "new_zealand": Risk.WEEKEND,
        "east_coast": Risk.NORMAL,
        "west_coast": Risk.NORMAL,
    }
    assert everywhere["new_zealand"].is_peak_season
    assert everywhere["new_zealand"].reason == "Saturday in Pacific/Auckland"


def test_the_weekend_runs_into_mondays_first_two_hours() -> None:
    last_minute = uk(at("Europe/London", 2026, 1, 19, 1, 59))
    assert (last_minute.risk, last_minute.is_weekend) == (Risk.WEEKEND, True)
    assert last_minute.reason == "the night after Sunday"
    assert last_minute.next_change_at == at("Europe/London", 2026, 1, 19, 2)
    assert uk(last_minute.next_change_at).risk is Risk.NORMAL


def test_christmas_counts_as_a_weekend_and_joins_the_one_beside_it() -> None:
    # Friday 25 December, the weekend, and the bank holiday of Monday the 28th are one: until Tuesday 02:00.
    christmas = uk(at("Europe/London", 2026, 12, 25, 12))
    assert christmas.risk is Risk.WEEKEND
    assert christmas.reason == "the public holiday of 2026-12-25 in Europe/London"
    assert christmas.next_change_at == at("Europe/London", 2026, 12, 29, 2)
    assert uk(at("Europe/London", 2026, 12, 24, 23, 59)).next_change_at == at("Europe/London", 2026, 12, 25)


def test_the_season_begins_and_ends_with_the_local_month() -> None:
    assert uk(at("Europe/London", 2026, 4, 30, 23, 59)).next_change_at == at("Europe/London", 2026, 5, 1)
    may = uk(at("Europe/London", 2026, 5, 1))
    assert (may.risk, may.reason) == (Risk.PEAK_SEASON, "May is peak season here")
    assert may.next_change_at == at("Europe/London", 2026, 5, 2)


def test_priya_and_toms_saturday_is_a_wedding_day_from_six_until_two() -> None:
    index = WeddingIndex([wedding("priya-tom", at("Europe/London", 2026, 6, 13, 15))])
    before = uk(at("Europe/London", 2026, 6, 13, 5, 59), index)
    assert (before.risk, before.next_change_at) == (Risk.WEEKEND, at("Europe/London", 2026, 6, 13, 6))
    morning = uk(before.next_change_at, index)
    assert (morning.risk, morning.reason) == (Risk.WEDDING_DAY, "a wedding is in progress")
    assert (morning.weddings_in_progress, morning.weddings_under_way) == (1, 0)
    assert morning.next_change_at == at("Europe/London", 2026, 6, 14, 2)
    assert uk(SATURDAY, index).weddings_under_way == 1
    after = uk(morning.next_change_at, index)
    assert (after.risk, after.weddings_in_progress) == (Risk.WEEKEND, 0)
    assert facts(SATURDAY, [EAST_COAST], index)["east_coast"].risk is Risk.WEEKEND


def test_a_wednesday_wedding_in_winter_is_a_wedding_day() -> None:
    index = WeddingIndex([wedding("wednesday", at("Europe/London", 2026, 1, 14, 13))])
    assert uk(TUESDAY, index).next_change_at == at("Europe/London", 2026, 1, 14, 6)
    wednesday = uk(at("Europe/London", 2026, 1, 14, 13), index)
    assert (wednesday.risk, wednesday.is_weekend, wednesday.is_wedding_day) == (Risk.WEDDING_DAY, False, True)


def test_the_number_of_weddings_needed_is_the_operators() -> None:
    day = at("Europe/London", 2026, 1, 14, 13)
    index = WeddingIndex([wedding("one", day), wedding("two", day + timedelta(hours=20), hours=2)])
    assert uk(day, index, needed=1).risk is Risk.WEDDING_DAY
    lonely = uk(day, index, needed=2)
    assert (lonely.risk, lonely.weddings_in_progress, lonely.is_wedding_day) == (Risk.NORMAL, 1, False)
    # The second one's day opens on Thursday at 06:00, when the first one's has closed: they never meet.
    assert lonely.next_change_at == at("Europe/London", 2026, 1, 17)
    with pytest.raises(ValueError, match="weddings_needed: 0 is less than 1"):
        uk(day, index, needed=0)


def test_weddings_on_following_days_leave_the_hours_between_them() -> None:
    index = WeddingIndex([wedding("fri", at("Europe/London", 2026, 1, 15, 13)), wedding("sat", TUESDAY)])
    assert uk(TUESDAY, index).next_change_at == at("Europe/London", 2026, 1, 14, 2)
    between = uk(at("Europe/London", 2026, 1, 14, 2), index)
    assert (between.risk, between.next_change_at) == (Risk.NORMAL, at("Europe/London", 2026, 1, 15, 6))


@pytest.mark.parametrize(("weddings", "fresh", "why"), [(None, True, "missing"), (NOBODY, False, "out of date")])
def test_without_a_list_to_trust_every_saturday_is_a_wedding_day(
    weddings: WeddingIndex | None, why: str, *, fresh: bool
) -> None:
    saturday = uk(SATURDAY, weddings, fresh=fresh)
    assert saturday.risk is Risk.WEDDING_DAY
    assert saturday.reason == f"Saturday, and the wedding list is {why}: it counts as a wedding day"
    assert saturday.weddings_in_progress == 0
    assert saturday.next_change_at == at("Europe/London", 2026, 6, 14, 2)
    assert uk(at("Europe/London", 2026, 6, 13, 5, 59), weddings, fresh=fresh).risk is Risk.WEEKEND
    assert uk(at("Europe/London", 2026, 6, 14, 15), weddings, fresh=fresh).risk is Risk.WEEKEND
    assert uk(TUESDAY, weddings, fresh=fresh).risk is Risk.NORMAL


def test_the_fail_safe_does_not_wait_for_the_number_needed() -> None:
    assert uk(SATURDAY, None, needed=5).risk is Risk.WEDDING_DAY


def test_with_a_fresh_list_and_nobody_marrying_a_saturday_is_only_a_weekend() -> None:
    assert uk(SATURDAY).risk is Risk.WEEKEND


def test_an_old_lists_weddings_still_count() -> None:
    index = WeddingIndex([wedding("tuesday", TUESDAY)])
    assert uk(TUESDAY, index, fresh=False).risk is Risk.WEDDING_DAY


def test_the_night_that_skips_two_oclock_in_new_york() -> None:
    # Sunday 8 March 2026: 02:00 becomes 03:00. A wedding day that should close at 02:00 closes at that very moment.
    index = WeddingIndex([wedding("spring", at("America/New_York", 2026, 3, 7, 16), hours=9, region=EAST_COAST)])
    night = facts(at("America/New_York", 2026, 3, 8, 1, 59), [EAST_COAST], index)["east_coast"]
    assert night.risk is Risk.WEDDING_DAY
    assert night.next_change_at == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)
    assert night.next_change_at.astimezone(ZoneInfo("America/New_York")).hour == 3


def test_the_night_that_shows_two_oclock_twice_in_auckland() -> None:
    # Sunday 5 April 2026: 03:00 goes back to 02:00. Saturday's wedding day stays open until the second 02:00.
    for weddings in (
        None,
        WeddingIndex([wedding("autumn", at("Pacific/Auckland", 2026, 4, 4, 16), region=NEW_ZEALAND)]),
    ):
        repeated = at("Pacific/Auckland", 2026, 4, 5, 2, 30)
        assert facts(repeated, [NEW_ZEALAND], weddings)["new_zealand"].risk is Risk.WEDDING_DAY
        second = facts(repeated, [NEW_ZEALAND], weddings)["new_zealand"].next_change_at
        assert second == datetime(2026, 4, 4, 14, 0, tzinfo=UTC)
        assert facts(second, [NEW_ZEALAND], weddings)["new_zealand"].risk is Risk.WEEKEND


def test_a_venues_own_zone_decides_not_its_regions() -> None:
    # Perth is two hours behind Sydney: its wedding day opens two hours later.
    australia = Region("australia", "Australia/Sydney", "south", frozenset())
    married = wedding("perth", at("Australia/Perth", 2026, 6, 10, 15), region=australia, zone="Australia/Perth")
    here = facts(at("Australia/Sydney", 2026, 6, 10, 7), [australia], WeddingIndex([married]))["australia"]
    assert (here.risk, here.next_change_at) == (Risk.NORMAL, at("Australia/Perth", 2026, 6, 10, 6))


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="now: 2026-06-13T15:00:00 has no time zone"):
        facts(datetime(2026, 6, 13, 15), [UK], NOBODY)  # noqa: DTZ001 - naive is what is being refused


@pytest.mark.parametrize("year", [1, 1969, 2200, 9999])
def test_a_moment_outside_the_calendars_years_is_refused(year: int) -> None:
    with pytest.raises(ValueError, match=f"now: {year} is outside the years 1970 to 2199"):
        facts(datetime(year, 6, 1, tzinfo=UTC), [UK], NOBODY)


def test_the_last_moment_of_the_last_year_has_facts_too() -> None:
    assert uk(datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), None).next_change_at.year == 2200


def test_a_long_list_is_searched_not_scanned() -> None:
    # The answer takes a few binary searches: once the index stands, no wedding is looked at again.
    class Watched(Wedding):
        looks = 0

        def day_window(self) -> tuple[datetime, datetime]:
            Watched.looks += 1
            return super().day_window()

    index = WeddingIndex(
        Watched(str(number), "Europe/London", start, start + timedelta(hours=8), "united_kingdom")
        for number in range(1_000)
        for start in [TUESDAY + timedelta(hours=number * 73 % 17_520)]
    )
    assert Watched.looks == 1_000
    for hour in range(0, 17_520, 991):
        uk(TUESDAY + timedelta(hours=hour), index)
    assert Watched.looks == 1_000
