"""Duties that one replica at a time does for all."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Protocol

from webhook_receiver.engine import store
from webhook_receiver.engine.metrics import EngineMetrics
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database
from wedsync_core.telemetry.logs import get_log

LEASE = timedelta(seconds=15)
"""How long a duty stays with a replica that says nothing: the takeover after a death is this late at most."""
RENEWED_EVERY = 5.0
"""Seconds. Two renewals may fail before the lease is gone."""


class DutyLeases(Protocol):
    """Says who does a duty."""

    def mine(self, duty: str) -> bool:
        """Return whether this replica is the one to do it now; takes a duty that nobody has."""

    def renew(self) -> None:
        """Keep what is held."""

    def release(self) -> None:
        """Give everything back, so that the next one need not wait."""


class SoleProcess:
    """On SQLite there is one process, which the instance lock sees to: every duty is its own."""

    def mine(self, duty: str) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def renew(self) -> None:
        """Do nothing."""

    def release(self) -> None:
        """Do nothing."""


class Leases:
    """Leases as rows, by elapsed time. A holder that stood still too long finds out at its next question."""

    def __init__(self, *, database: Database, clock: Clock, metrics: EngineMetrics, holder: str | None = None) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._holder = holder or secrets.token_hex(8)
        self._asked: dict[str, float] = {}
        """The duties held, and when each was last renewed."""
        self._log = get_log("engine")

    def mine(self, duty: str) -> bool:
        """Return whether this replica is the one to do it now; takes a duty that nobody has. Raises Unavailable."""
        now, elapsed = self._clock.now(), self._clock.monotonic()
        with self._database.write() as transaction:
            mine = store.hold_lease(transaction, duty, self._holder, now=now, until=now + LEASE)
        if mine and duty not in self._asked:
            self._log.info("duty_taken", duty=duty, holder=self._holder)
        if mine:
            self._asked[duty] = elapsed
        elif self._asked.pop(duty, None) is not None:
            self._metrics.lost.inc()
            self._log.warning("duty_lost", duty=duty, holder=self._holder)
        self._metrics.held.set(len(self._asked))
        return mine

    def renew(self) -> None:
        """Keep what is held: a duty that is seldom done stays with its holder in between. Raises Unavailable."""
        late = self._clock.monotonic() - RENEWED_EVERY
        for duty in [duty for duty, asked in self._asked.items() if asked <= late]:
            self.mine(duty)

    def release(self) -> None:
        """Give everything back, so that the next one need not wait."""
        self._asked.clear()
        self._metrics.held.set(0)
        try:
            with self._database.write() as transaction:
                store.release_leases(transaction, self._holder)
        except Unavailable as error:
            self._log.warning("duties_not_released", problem=error.detail)
