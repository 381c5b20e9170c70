"""Series that are read from the rows at scrape: direct alarms, states of error groups, uploads that are lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exporters.alarm import store
from exporters.errors import life_store, tally_store, upload_store
from exporters.errors.life import State
from exporters.errors.upload_store import Standing
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database


class AlarmCollector(Collector):
    """Reads the alarms once per scrape. Without a database its gauges end instead of lying."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the series without reading the database, so that registering needs none."""
        yield _active(0)
        yield _oldest(0.0)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge."""
        try:
            with self._database.read() as transaction:
                active, untaken_since = store.standing(transaction)
        except Unavailable:
            return
        age = (self._clock.now() - untaken_since).total_seconds() if untaken_since else 0.0
        yield _active(active)
        yield _oldest(max(age, 0.0))


def _active(value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily("wedsync_alarms_active", "Direct alarms being kept alive.", value=value)


def _oldest(value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "wedsync_alarm_oldest_unposted_seconds",
        "Age of the oldest direct alarm that Alertmanager has not taken.",
        value=value,
    )


class ErrorsCollector(Collector):
    """Reads what stands in the errors room once per scrape. Without a database its gauges end instead of lying."""

    def __init__(self, database: Database, clock: Clock, regions: Iterable[str]) -> None:
        self._database = database
        self._clock = clock
        self._regions = tuple(regions)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the series without reading the database, so that registering needs none."""
        yield from (_states({}), *self._uploads(Standing({}, {}, None)), _behind(0.0))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge."""
        try:
            with self._database.read() as transaction:
                states = life_store.count_states(transaction)
                standing = upload_store.standing(transaction)
                _, oldest = tally_store.waiting(transaction)
        except Unavailable:
            return
        yield _states(states)
        yield from self._uploads(standing)
        yield _behind(max((self._clock.now() - oldest).total_seconds(), 0.0) if oldest else 0.0)

    def _uploads(self, standing: Standing) -> Iterator[GaugeMetricFamily]:
        lost = GaugeMetricFamily(
            "wedsync_error_uploads_lost", "Failed uploads that are not known to be safe.", labels=["region"]
        )
        weddings = GaugeMetricFamily(
            "wedsync_error_uploads_lost_weddings", "Weddings, named in reports, with such uploads.", labels=["region"]
        )
        by_region = {region: [0, 0] for region in (*self._regions, "other", "")}
        for region, uploads in standing.uploads.items():
            counts = by_region[region if region in by_region else "other"]
            counts[0] += uploads
            counts[1] += standing.weddings[region]
        for region, (uploads, of_weddings) in by_region.items():
            lost.add_metric([region], uploads)
            weddings.add_metric([region], of_weddings)
        age = (self._clock.now() - standing.oldest_at).total_seconds() if standing.oldest_at else 0.0
        yield lost
        yield weddings
        yield GaugeMetricFamily(
            "wedsync_error_uploads_lost_oldest_seconds", "Age of the oldest of them.", value=max(age, 0.0)
        )


def _states(states: dict[str, int]) -> GaugeMetricFamily:
    groups = GaugeMetricFamily("wedsync_error_groups", "Error groups by the state they are in.", labels=["state"])
    for state in State:
        groups.add_metric([state.value], states.get(state.value, 0))
    return groups


def _behind(seconds: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "wedsync_error_counting_behind_seconds",
        "Age of the oldest errors that are stored and not counted.",
        value=seconds,
    )
