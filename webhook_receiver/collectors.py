"""Series that are read from the rows at scrape: what is open, what waits, how late it is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from webhook_receiver.alerts import episode_store as episodes
from webhook_receiver.alerts import store as alerts
from webhook_receiver.incidents import store as incidents
from webhook_receiver.notify import outbox
from webhook_receiver.runbooks import store as runbooks
from webhook_receiver.runbooks.run import BAD, GOOD
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.severity import Severity
from wedsync_core.storage import Database

LATELY = timedelta(hours=1)


class IncidentCollector(Collector):
    """Reads the incident database once per scrape.

    Without a database only ``wedsync_incident_database_up`` is left, at 0: the other gauges end instead of lying.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the series without reading the database, so that registering needs none."""
        return iter([GaugeMetricFamily("wedsync_incident_database_up", "Whether the incident database answers.")])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge."""
        up = GaugeMetricFamily("wedsync_incident_database_up", "Whether the incident database answers.")
        try:
            families = self._read()
        except Unavailable:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from families
        yield from self._disk()

    def _disk(self) -> Iterator[GaugeMetricFamily]:
        """Yield the room on the disk of a SQLite database; a server's disk is for others to watch."""
        file = self._database.url.database
        if self._database.is_sqlite and file:
            name, words = "wedsync_incident_database_free_bytes", "Room on the disk of the incident database."
            yield _gauge(name, words, shutil.disk_usage(Path(file).parent).free)

    def _read(self) -> list[GaugeMetricFamily]:
        now = self._clock.now()
        with self._database.read() as transaction:
            open_counts = incidents.open_counts(transaction)
            overdue = incidents.most_overdue(transaction)
            depth, oldest = outbox.backlog(transaction, now)
            quarantined = alerts.quarantined_count(transaction)
            held = episodes.held_count(transaction)
            watchdog = alerts.watchdog_last_seen(transaction)
            runs = runbooks.ended_since(transaction, now - LATELY)
        by_severity = GaugeMetricFamily("wedsync_incidents_open", "Incidents not resolved.", labels=["severity"])
        for severity in Severity:
            by_severity.add_metric([severity.value], open_counts.get(severity.value, 0))
        ended = GaugeMetricFamily(
            "wedsync_runbook_runs_ended_lately", "Runs that ended in the last hour, by how.", labels=["state"]
        )
        for state in sorted(GOOD | BAD):
            ended.add_metric([state], runs.get(state, 0))
        return [
            by_severity,
            ended,
            _gauge("wedsync_escalation_overdue_seconds", "How late the latest due step is.", _age(overdue, now)),
            _gauge("wedsync_outbox_depth", "Pages queued and not yet sent.", depth),
            _gauge("wedsync_outbox_oldest_seconds", "Age of the oldest page not yet sent.", _age(oldest, now)),
            _gauge("wedsync_resolutions_held", "Alerts said to be over that wait for evidence.", held),
            _gauge("wedsync_alerts_quarantined", "Alerts set aside because they were not understood.", quarantined),
            _gauge(
                "wedsync_watchdog_last_seen_timestamp_seconds",
                "Last sighting of the always-firing alert; 0 if never.",
                watchdog.timestamp() if watchdog else 0,
            ),
        ]


def _age(moment: datetime | None, now: datetime) -> float:
    return max((now - moment).total_seconds(), 0.0) if moment else 0.0


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=value)
