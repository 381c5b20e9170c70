"""The examples of docs/calendar.md are read as they stand, and say the same in every format."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from wedsync_core.season import Wedding
from wedsync_core.settings import CalendarSettings
from wedsync_core.weddings.calendar import regions_of
from wedsync_core.weddings.contract import MOST_BYTES, MOST_ROWS, ListFormat, parse_weddings
from wedsync_core.weddings.download import TOTAL_SECONDS

GUIDE = (Path(__file__).parents[4] / "docs" / "calendar.md").read_text()


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


def settings_of_the_guide() -> CalendarSettings:
    regions, weddings = (yaml.safe_load(example)["calendar"] for example in examples("yaml"))
    return CalendarSettings.model_validate({**regions, **weddings})


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_the_settings_of_the_guide_are_settings() -> None:
    calendar = settings_of_the_guide()
    assert calendar.weddings is not None
    united_kingdom, australia = regions_of(calendar).values()
    assert united_kingdom.is_free_day(date(2026, 12, 28))
    assert not australia.is_peak_month(12)


@pytest.mark.parametrize(("language", "list_format"), [("csv", "csv"), ("json", "json"), ("ics", "ical")])
def test_every_format_of_the_guide_says_the_same(language: str, list_format: ListFormat) -> None:
    [example] = examples(language)
    parsed = parse_weddings(example.encode(), list_format, regions_of(settings_of_the_guide()))
    assert (parsed.refused, parsed.replaced) == ((), ())
    london, perth = "Europe/London", "Australia/Perth"
    assert parsed.weddings == (
        Wedding("priya-tom", london, utc(2026, 6, 13, 14), utc(2026, 6, 14, 0), "united_kingdom", 120),
        Wedding("zoe-max", perth, utc(2026, 10, 10, 8), utc(2026, 10, 10, 15, 30), "australia", 80),
        Wedding("three-days", london, utc(2026, 8, 27, 23), utc(2026, 8, 30, 23), "united_kingdom", 200),
    )


def test_the_limits_of_the_guide_are_the_limits() -> None:
    assert f"At most {MOST_BYTES // 2**20} MiB, {MOST_ROWS:,} weddings, {TOTAL_SECONDS:.0f} s." in GUIDE
