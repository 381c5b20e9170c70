"""Which replicas live. What a dead one was sending goes again at once, instead of waiting for its lease to run out.

On PostgreSQL each replica holds an advisory lock on a connection of its own: the server gives it back the moment the
process is gone. One that only stands still keeps it, and its leases run their time. Where sessions are pooled between
us and the server (a pooler in transaction mode) nobody seems alive, so nothing is taken for dead either.
"""

from __future__ import annotations

import secrets

from webhook_receiver.engine import store
from webhook_receiver.engine.metrics import EngineMetrics
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database
from wedsync_core.telemetry.logs import get_log


class Presence:
    """This replica among the living. ``number`` is its name for as long as the process lives; 0 on SQLite."""

    def __init__(self, *, database: Database, clock: Clock, metrics: EngineMetrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self.number = 0 if database.is_sqlite else secrets.randbelow(2**31 - 1) + 1
        self._sign: store.SignOfLife | None = None
        self._log = get_log("engine")

    def begin(self) -> None:
        """Show that this replica lives. On SQLite nobody else does: what was being sent belongs to the dead."""
        if self._database.is_sqlite:
            with self._database.write() as transaction:
                self._count(store.release_all_claims(transaction, self._clock.now()))
            return
        self._sign = store.SignOfLife(self._database, self.number)
        self.look()

    def look(self) -> int:
        """Let go of what dead replicas were sending; returns how many pages. Raises Unavailable."""
        if self._sign is None:
            return 0
        self._sign.show()
        with self._database.write() as transaction:
            living = store.living_replicas(transaction)
            if self.number not in living:
                return 0
            freed = store.release_claims_of_others(transaction, living, self._clock.now())
        return self._count(freed)

    def end(self) -> None:
        """Be gone. What is still on the wire is taken over by the others."""
        if self._sign is not None:
            try:
                self._sign.end()
            except Unavailable as error:
                self._log.warning("presence_not_ended", problem=error.detail)

    def _count(self, freed: int) -> int:
        if freed:
            self._metrics.orphans.inc(freed)
            self._log.warning("pages_of_a_dead_replica", pages=freed)
        return freed
