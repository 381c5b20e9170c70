"""The calendar as series, worked out at each scrape: what the rules join their thresholds with."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from wedsync_core.clock import Clock
from wedsync_core.season import RegionFacts, Risk
from wedsync_core.weddings.calendar import WeddingCalendar
from wedsync_core.weddings.source import WeddingsInUse


class CalendarCollector(Collector):
    """Register it with a CollectorRegistry. Labels are the configured regions and the four risks: a closed set."""

    def __init__(self, calendar: WeddingCalendar, clock: Clock, tzdata: str) -> None:
        self._calendar = calendar
        self._clock = clock
        self._tzdata = tzdata

    def describe(self) -> Iterable[Metric]:
        """Name the series, so that registering asks for no facts."""
        return [*_of_regions([]), *_of_list(None), _info(self._tzdata)]

    def collect(self) -> Iterable[Metric]:
        """Return every series as of now."""
        everywhere = self._calendar.facts(self._clock.now()).values()
        return [*_of_regions(everywhere), *_of_list(self._calendar.weddings()), _info(self._tzdata)]


def _of_regions(everywhere: Iterable[RegionFacts]) -> list[Metric]:
    risks = GaugeMetricFamily(
        "wedsync_calendar_risk", "1 for the region's present risk, 0 for the others", labels=["region", "risk"]
    )
    in_progress = GaugeMetricFamily(
        "wedsync_calendar_weddings_in_progress", "Real weddings whose day window is open", labels=["region"]
    )
    next_change = GaugeMetricFamily(
        "wedsync_calendar_next_change_timestamp_seconds", "When the region's risk next changes", labels=["region"]
    )
    for here in everywhere:
        for risk in Risk:
            risks.add_metric([here.region, risk.value], float(risk is here.risk))
        in_progress.add_metric([here.region], here.weddings_in_progress)
        next_change.add_metric([here.region], here.next_change_at.timestamp())
    return [risks, in_progress, next_change]


def _of_list(known: WeddingsInUse | None) -> list[Metric]:
    read_at = known.last_success_at if known else None
    return [
        GaugeMetricFamily(
            "wedsync_calendar_source_last_success_timestamp_seconds",
            "Last good reading of the wedding list; 0 if never",
            value=read_at.timestamp() if read_at else 0.0,
        ),
        GaugeMetricFamily(
            "wedsync_calendar_source_weddings",
            "Weddings in the copy in use",
            value=known.weddings_count if known else 0,
        ),
        GaugeMetricFamily(
            "wedsync_calendar_source_refused_rows",
            "Rows of the list in use that were refused",
            value=known.refused_count if known else 0,
        ),
        CounterMetricFamily(
            "wedsync_calendar_source_failures",
            "Readings of the wedding list that failed or were held back",
            value=known.failures if known else 0,
        ),
    ]


def _info(tzdata: str) -> Metric:
    return InfoMetricFamily("wedsync_calendar", "Version of the time-zone data", value={"tzdata": tzdata})
