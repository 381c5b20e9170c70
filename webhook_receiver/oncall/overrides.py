"""Overrides as paging reads them: from the database, or, without one, as last read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from webhook_receiver.oncall import store
from webhook_receiver.oncall.metrics import OnCallMetrics
from webhook_receiver.oncall.schedule import Override
from wedsync_core.clock import Clock
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

READ_AGAIN_AFTER_SECONDS: Final = 5.0
"""After a failed reading: the steps of a storm must not each wait for a database that does not answer."""


class Overrides:
    """Reads without ever raising: a page by the bare schedule is better than no page. Safe for threads."""

    def __init__(self, database: Database, clock: Clock, metrics: OnCallMetrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("oncall")
        self._lock = threading.Lock()
        self._known: dict[int, Override] = {}
        self._latest: tuple[datetime, datetime, list[Override]] | None = None
        self._failing = False
        self._read_again_at = float("-inf")

    def in_effect(self, begin: datetime, end: datetime) -> list[Override]:
        """Return the overrides that change anything in [begin, end)."""
        return self._found(begin, end, self._read)

    def look_up(self, transaction: Transaction, begin: datetime, end: datetime) -> None:
        """Read for [begin, end) in somebody's transaction, so that ``in_effect`` needs no connection of its own."""
        self._found(begin, end, lambda *span: store.touching_aside(transaction, *span))

    def _found(
        self, begin: datetime, end: datetime, read: Callable[[datetime, datetime], list[Override]]
    ) -> list[Override]:
        # The steps of one turn all ask about the same instant: in a storm one reading serves them.
        latest = self._latest
        if latest is not None and latest[:2] == (begin, end):
            return latest[2]
        if self._clock.monotonic() >= self._read_again_at:
            try:
                found = read(begin, end)
            except Exception as error:  # noqa: BLE001 -- whatever it is, somebody must be told of the incident
                self._failed(error)
            else:
                self._keep(found, begin, end)
                return found
        return self.last_known(begin, end)

    def _read(self, begin: datetime, end: datetime) -> list[Override]:
        with self._database.read() as transaction:
            return store.touching(transaction, begin, end)

    def forget_latest(self) -> None:
        """Read again also for the instant asked about last: an override was made or cancelled."""
        self._latest = None

    def last_known(self, begin: datetime, end: datetime) -> list[Override]:
        """Return the same from memory, as last read: for those who must not wait for a database."""
        with self._lock:
            return [one for one in self._known.values() if _touches(one, begin, end)]

    def _keep(self, found: list[Override], begin: datetime, end: datetime) -> None:
        with self._lock:
            elsewhen = {key: one for key, one in self._known.items() if not _touches(one, begin, end)}
            self._latest = (begin, end, found)
            self._known = elsewhen | {one.override_id: one for one in found}
            was_failing, self._failing = self._failing, False
        if was_failing:
            self._log.info("overrides_readable_again")

    def _failed(self, error: Exception) -> None:
        self._metrics.failures.inc()
        with self._lock:
            self._read_again_at = self._clock.monotonic() + READ_AGAIN_AFTER_SECONDS
            was_failing, self._failing = self._failing, True
        if not was_failing:
            self._log.error("overrides_unreadable", exc_info=error)


def _touches(override: Override, begin: datetime, end: datetime) -> bool:
    return override.starts_at < end and override.ends_at > begin
