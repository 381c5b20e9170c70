"""Series that are read from the rows at scrape: the direct alarms that stand, and the oldest that nobody has taken."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exporters.alarm import store
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
