"""The calendar a service asks: built from the settings, kept fresh by a thread of its own."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.cast import SATURDAY, TUESDAY
from tests.fakes import FakeClock
from tests.waiting import wait_until
from wedsync_core.season import InvalidField, Risk
from wedsync_core.settings import CalendarSettings, RegionSettings
from wedsync_core.weddings.calendar import WeddingCalendar, open_calendar, regions_of

LIST = "wedding_id,region,starts_at\npriya-tom,united_kingdom,2026-01-13\n"


def calendar_settings(location: str | None = None, refresh: timedelta = timedelta(minutes=5)) -> CalendarSettings:
    regions = {"united_kingdom": RegionSettings(zone="Europe/London", peak_months=[6])}
    weddings = {"location": location, "refresh": refresh} if location else None
    return CalendarSettings.model_validate({"regions": regions, "weddings": weddings})


def readings_failed(calendar: WeddingCalendar) -> int:
    known = calendar.weddings()
    return known.failures if known else 0


def risk_of(calendar: WeddingCalendar, clock: FakeClock) -> Risk:
    return calendar.facts(clock.now())["united_kingdom"].risk


def test_a_thread_reads_the_list_and_stops_when_told(tmp_path: Path) -> None:
    path, clock = tmp_path / "weddings.csv", FakeClock(TUESDAY)
    path.write_text(LIST)
    before = threading.active_count()
    calendar = open_calendar(calendar_settings(str(path), timedelta(milliseconds=20)), tmp_path / "kept", clock)
    assert risk_of(calendar, clock) is Risk.NORMAL
    calendar.start()
    wait_until(lambda: risk_of(calendar, clock) is Risk.WEDDING_DAY)
    path.write_text(LIST.replace("2026-01-13", "2026-01-14"))
    wait_until(lambda: risk_of(calendar, clock) is Risk.NORMAL)
    path.unlink()
    wait_until(lambda: readings_failed(calendar) >= 2)
    calendar.stop()
    assert threading.active_count() == before
    known = calendar.weddings()
    assert known is not None
    assert (known.weddings_count, known.problem) == (1, "weddings.csv: there is no such file")


def test_a_problem_is_logged_once_when_it_comes_and_once_when_it_goes(tmp_path: Path) -> None:
    path, clock = tmp_path / "weddings.csv", FakeClock(TUESDAY)
    with capture_logs() as logged:
        calendar = open_calendar(calendar_settings(str(path), timedelta(milliseconds=10)), tmp_path / "kept", clock)
        calendar.start()
        wait_until(lambda: readings_failed(calendar) >= 3)
        path.write_text(LIST)
        wait_until(lambda: risk_of(calendar, clock) is Risk.WEDDING_DAY)
        wait_until(lambda: len(logged) >= 2)
        calendar.stop()
    assert [(each["event"], each["log_level"]) for each in logged] == [
        ("wedding_list_problem", "warning"),
        ("wedding_list_good_again", "info"),
    ]
    assert logged[0]["problem"] == "weddings.csv: there is no such file"


def test_without_a_list_there_is_no_thread_and_saturday_counts(tmp_path: Path) -> None:
    clock = FakeClock(SATURDAY)
    before = threading.active_count()
    calendar = open_calendar(calendar_settings(), tmp_path, clock)
    calendar.start()
    assert threading.active_count() == before
    assert calendar.weddings() is None
    assert risk_of(calendar, clock) is Risk.WEDDING_DAY
    calendar.stop()


def test_regions_are_the_settings_own() -> None:
    region = regions_of(calendar_settings())["united_kingdom"]
    assert (region.is_peak_month(6), region.is_peak_month(7)) == (True, False)
    with pytest.raises(InvalidField, match="zone: there is no time zone 'Mars'"):
        regions_of(CalendarSettings(regions={"mars": RegionSettings(zone="Mars")}))
