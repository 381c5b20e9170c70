"""Follows the log of all incidents, and Prometheus' recorded series while somebody listens to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from webhook_receiver.incidents.presentation import People, present_event, present_incident
from webhook_receiver.live import store
from webhook_receiver.live.hub import Hub
from webhook_receiver.live.message import Message, messages_of, updates_of
from webhook_receiver.live.metrics import LiveMetrics
from webhook_receiver.live.order import in_order
from webhook_receiver.sources.contract import Prometheus, SourceUnavailable
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

LISTENED_SECONDS = 0.25
"""Between two looks at the log while somebody listens; two listeners see a change within this of each other."""
IDLE_SECONDS = 2.0
AT_ONCE = 500
MOST_MISSED = 2000
"""A client that missed more than this reads the present by the API."""


class Past:
    """What listeners missed, read from the log."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    def between(self, after: int, upto: int) -> list[Message] | None:
        """Return the messages after one number up to another; None when they are more than ``MOST_MISSED`` entries."""
        with self._database.read() as transaction:
            rows = [row for row in store.events_after(transaction, after, MOST_MISSED + 1) if row.id <= upto]
            return None if len(rows) > MOST_MISSED else read_messages(transaction, rows, self._people)


class Feed:
    """A thread of its own: a page never waits for a listener."""

    def __init__(
        self,
        *,
        database: Database,
        prometheus: Prometheus,
        hub: Hub,
        people: People,
        metrics_every: timedelta,
        clock: Clock,
        metrics: LiveMetrics,
    ) -> None:
        self._database = database
        self._prometheus = prometheus
        self._hub = hub
        self._people = people
        self._every = metrics_every.total_seconds()
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("live")
        self._told: int | None = None
        self._gap_since: float | None = None
        self._asked_at = float("-inf")
        self._silent: set[str] = set()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._thread = threading.Thread(target=self._run, name="live-feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow no longer."""
        self._stopping.set()
        self._hub.woken.set()
        if self._thread is not None:
            self._thread.join(10)

    def look(self) -> None:
        """Tell what is new in the log, and the recorded series if they are due."""
        self._guard("database", self._look_at_log)
        if self._hub.wanted("metrics") and self._clock.monotonic() - self._asked_at >= self._every:
            self._asked_at = self._clock.monotonic()
            self._guard("prometheus", self._look_at_series)

    def _look_at_log(self) -> None:
        with self._database.read() as transaction:
            if self._told is None or not self._hub.listened():
                self._told = store.newest_event(transaction)
                messages: list[Message] = []
            else:
                rows = self._due(self._told, store.events_after(transaction, self._told, AT_ONCE))
                if not rows:
                    return
                self._told = rows[-1].id
                messages = read_messages(transaction, rows, self._people)
        self._hub.tell(messages, self._told)

    def _due(self, told: int, rows: Sequence[Any]) -> Sequence[Any]:
        now = self._clock.monotonic()
        waited = 0.0 if self._gap_since is None else now - self._gap_since
        due = rows[: in_order(told, [row.id for row in rows], waited)]
        waits = len(due) < len(rows)
        self._gap_since = (self._gap_since if not due and self._gap_since is not None else now) if waits else None
        return due

    def _look_at_series(self) -> None:
        self._hub.show(updates_of(self._prometheus.recorded(), self._told or 0))

    def _guard(self, source: str, act: Callable[[], None]) -> None:
        try:
            act()
        except (Unavailable, SourceUnavailable) as error:
            self._metrics.failures.labels(source).inc()
            if source not in self._silent:
                self._silent.add(source)
                self._log.error("live_source_does_not_answer", source=source, problem=str(error))
            return
        self._silent.discard(source)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except Exception:  # noqa: BLE001 -- the top of the loop: the next turn may fare better
                self._metrics.failures.labels("database").inc()
                self._log.exception("live_feed_failed")
            if self._hub.listened():
                self._stopping.wait(LISTENED_SECONDS)
            else:
                self._hub.woken.wait(IDLE_SECONDS)
            self._hub.woken.clear()


def read_messages(transaction: Transaction, rows: Sequence[Any], people: People) -> list[Message]:
    """Return what log entries make of themselves; the incident is shown as it is now."""
    incidents, services = store.incidents_of(transaction, rows), store.services_of(transaction, rows)
    return [
        message
        for row in rows
        for message in messages_of(
            row.id,
            present_event(row),
            present_incident(incidents[row.incident_id], (), people),
            services[row.incident_id],
        )
    ]
