"""Lets go of what is old: a batch at a time, each in a short transaction of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from webhook_receiver.engine.store import held_state, keep_state
from webhook_receiver.retention import store
from webhook_receiver.retention.metrics import RetentionMetrics
from wedsync_core.clock import Clock, format_timestamp, parse_timestamp
from wedsync_core.settings.engine import RetentionSettings
from wedsync_core.storage import Database, Transaction

BATCH = 500
TURN_SECONDS = 0.25
"""Rows go for this long in a turn: the loop that does it is the one that pages."""
STEP = timedelta(days=1)
"""How far the moment that age is counted from moves in one turn, beyond the time that passed: a clock that is a year
ahead by mistake is found long before it has cost a year of history."""
_STATE = "retention"

Step = Callable[[Transaction], Counter[str]]


class Retention:
    """What is let go is counted by table. A row that came too late for this turn goes in the next."""

    def __init__(
        self, *, database: Database, settings: RetentionSettings, clock: Clock, metrics: RetentionMetrics
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._trusted: tuple[datetime, float] | None = None
        """A moment that was believed, and the elapsed seconds of then."""

    def prune(self) -> int:
        """Let go of what is due, for ``TURN_SECONDS`` and one batch of each kind; returns 0. Raises Unavailable."""
        until = self._clock.monotonic() + TURN_SECONDS
        steps = list(self._steps(self._present()))
        while steps:
            steps = [step for step in steps if self._batch(step)]
            if self._clock.monotonic() >= until:
                break
        return 0

    def _batch(self, step: Step) -> bool:
        """Take one step once; returns whether there was anything to do."""
        with self._database.write() as transaction:
            dropped = step(transaction)
        for table, rows in dropped.items():
            self._metrics.pruned.labels(table).inc(rows)
        return dropped.total() > 0

    def _present(self) -> datetime:
        """Return the moment that age is counted from: now, unless the clock is far ahead of all that is known."""
        now, elapsed = self._clock.now(), self._clock.monotonic()
        with self._database.write() as transaction:
            kept = held_state(transaction, _STATE, {"at": format_timestamp(now)}, now)
            believed = [parse_timestamp(kept["at"]) + STEP]
            if self._trusted is not None:
                moment, then = self._trusted
                believed.append(moment + timedelta(seconds=elapsed - then))
            at = min(now, max(believed))
            keep_state(transaction, _STATE, {"at": format_timestamp(at)}, now)
        self._trusted = (at, elapsed)
        return at

    def _steps(self, now: datetime) -> Iterator[Step]:
        kept = self._settings
        yield lambda transaction: store.drop_pages(transaction, now - kept.deliveries, BATCH)
        yield lambda transaction: store.drop_attempts(transaction, now - kept.deliveries, BATCH)
        yield lambda transaction: store.drop_loose_alerts(transaction, now - kept.alerts, BATCH)
        yield lambda transaction: store.drop_answers(transaction, now - kept.answers, BATCH)
        yield lambda transaction: store.drop_incidents(transaction, now - kept.incidents, BATCH)
