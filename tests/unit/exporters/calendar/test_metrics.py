"""The calendar's series, as Prometheus scrapes them."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.samples import Sample

from exporters.calendar.metrics import CalendarCollector
from tests.cast import SATURDAY, TUESDAY
from tests.fakes import FakeClock
from wedsync_core.season import RegionFacts, Risk
from wedsync_core.settings import CalendarSettings, RegionSettings
from wedsync_core.weddings.calendar import WeddingCalendar, regions_of
from wedsync_core.weddings.download import Fetched, FetchFailed
from wedsync_core.weddings.source import WeddingSource

SETTINGS = CalendarSettings(
    regions={
        "united_kingdom": RegionSettings(zone="Europe/London"),
        "australia": RegionSettings(zone="Australia/Sydney", hemisphere="south"),
    }
)
LIST = b"wedding_id,region,starts_at\npriya-tom,united_kingdom,2026-06-13\nbad,mars,2026-06-13\n"


class Scraped:
    """What one world looks like on /metrics."""

    def __init__(self, keep_dir: Path, *, with_list: bool = True) -> None:
        self.clock = FakeClock(SATURDAY)
        self.answer: Fetched | FetchFailed = Fetched(LIST, "text/csv")
        self.source = self._source(keep_dir) if with_list else None
        self.calendar = WeddingCalendar(SETTINGS, self.source, self.clock)
        self.registry = CollectorRegistry()
        self.registry.register(CalendarCollector(self.calendar, self.clock, "2026f"))

    def _source(self, keep_dir: Path) -> WeddingSource:
        def fetch(_location: str) -> Fetched:
            if isinstance(self.answer, FetchFailed):
                raise self.answer
            return self.answer

        return WeddingSource(
            "https://bookings.example.com/list", keep_dir=keep_dir, clock=self.clock, regions=regions_of(SETTINGS),
            fetch=fetch,
        )  # fmt: skip

    def samples(self, name: str) -> list[Sample]:
        return [sample for family in self.registry.collect() for sample in family.samples if sample.name == name]

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"wedsync_calendar_{name}", labels)

    def risk(self, region: str) -> str:
        here = [sample for sample in self.samples("wedsync_calendar_risk") if sample.labels["region"] == region]
        assert {sample.labels["risk"] for sample in here} == {"normal", "peak_season", "weekend", "wedding_day"}
        [one] = [sample for sample in here if sample.value == 1.0]
        assert sum(sample.value for sample in here) == 1.0
        return one.labels["risk"]


def test_each_region_has_one_risk_and_zeros_for_the_others(tmp_path: Path) -> None:
    scraped = Scraped(tmp_path)
    assert scraped.source is not None
    scraped.source.refresh()
    assert scraped.risk("united_kingdom") == "wedding_day"
    assert scraped.risk("australia") == "weekend"
    assert scraped.value("weddings_in_progress", region="united_kingdom") == 1
    assert scraped.value("weddings_in_progress", region="australia") == 0
    change = (SATURDAY.replace(hour=1) + timedelta(days=1)).timestamp()
    assert scraped.value("next_change_timestamp_seconds", region="united_kingdom") == change
    scraped.clock.set(SATURDAY + timedelta(days=3))
    assert scraped.risk("united_kingdom") == "peak_season"
    scraped.clock.set(TUESDAY)
    assert scraped.risk("united_kingdom") == "normal"
    assert scraped.risk("australia") == "peak_season"


def test_the_list_speaks_of_itself(tmp_path: Path) -> None:
    scraped = Scraped(tmp_path)
    assert scraped.source is not None
    assert scraped.value("source_last_success_timestamp_seconds") == 0
    assert scraped.value("source_weddings") == 0
    scraped.source.refresh()
    scraped.clock.advance(timedelta(hours=1))
    scraped.answer = FetchFailed("bookings.example.com: answered 503", retry_helps=True)
    scraped.source.refresh()
    assert scraped.value("source_last_success_timestamp_seconds") == SATURDAY.timestamp()
    assert scraped.value("source_weddings") == 1
    assert scraped.value("source_refused_rows") == 1
    assert scraped.value("source_failures_total") == 1
    assert scraped.value("info", tzdata="2026f") == 1


def test_without_a_list_saturday_is_a_wedding_day_and_the_list_is_never_read(tmp_path: Path) -> None:
    scraped = Scraped(tmp_path, with_list=False)
    assert scraped.risk("united_kingdom") == "wedding_day"
    assert scraped.value("source_last_success_timestamp_seconds") == 0
    scraped.clock.set(TUESDAY)
    assert scraped.risk("united_kingdom") == "normal"


def test_registering_asks_for_no_facts_and_a_second_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scraped = Scraped(tmp_path)

    def unasked(_self: WeddingCalendar, _now: object) -> dict[str, RegionFacts]:
        raise AssertionError("registering is no scrape")

    monkeypatch.setattr(WeddingCalendar, "facts", unasked)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        scraped.registry.register(CalendarCollector(scraped.calendar, scraped.clock, "2026f"))


def test_every_series_is_in_the_catalogue(tmp_path: Path) -> None:
    catalogue = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text()
    exposed = {family.name for family in Scraped(tmp_path).registry.collect()}
    assert len(exposed) == 8
    suffixes = {"wedsync_calendar": "_info", "wedsync_calendar_source_failures": "_total"}
    assert [name for name in exposed if f"`{name}{suffixes.get(name, '')}`" not in catalogue] == []


def test_the_text_is_what_prometheus_reads(tmp_path: Path) -> None:
    text = generate_latest(Scraped(tmp_path).registry).decode()
    assert '\nwedsync_calendar_risk{region="australia",risk="wedding_day"} 1.0\n' in text
    assert text.count("\nwedsync_calendar_risk{") == 2 * len(Risk)
