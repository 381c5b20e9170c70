"""Lets go of what is old, and of the middle of storms: a batch at a time, each in a short transaction of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from exporters.errors import life_store, pruning_store
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.tally import DAY, DIMENSIONS, HOUR, MINUTE, micros
from exporters.errors.thinning import surplus
from wedsync_core.settings.errors import ErrorSettings
from wedsync_core.storage import Database, Transaction

BATCH = 2_000
SLICES = 60
"""Bucket starts dropped in one transaction."""
MOST_BATCHES = 20
"""Of one kind in one turn: what is left over waits for the next."""
MOST_STORMS = 20
LONGEST_STORM = 20_000
"""Occurrences of one group looked at in one turn."""
ANSWERS_KEPT = timedelta(days=2)

Step = Callable[[Transaction], int]


class Pruning:
    """What is let go is counted by kind."""

    def __init__(self, *, database: Database, settings: ErrorSettings, metrics: ErrorMetrics) -> None:
        self._database = database
        self._settings = settings
        self._metrics = metrics

    def turn(self, now: datetime) -> int:
        """Let go of what is due; returns how many rows. Raises Unavailable."""
        return sum(self._repeated(what, step) for what, step in self._steps(now)) + self.thin_out(now)

    def thin_out(self, now: datetime) -> int:
        """Thin out storms; returns how many occurrences were let go. Their groups have counted them."""
        storms = self._settings.storms
        wanted = {"first": storms.first, "latest": storms.latest, "spread": storms.spread}
        fewest = storms.first + storms.latest + 2 * storms.spread
        dropped = 0
        with self._database.read() as transaction:
            rows = pruning_store.storming(transaction, now - timedelta(hours=1), fewest, MOST_STORMS)
        for row in rows:
            with self._database.read() as transaction:
                ids = pruning_store.oldest_of(transaction, row.id, now - storms.after, 0, LONGEST_STORM)
            idle = surplus(ids, **wanted)
            for start in range(0, len(idle), BATCH):
                with self._database.write() as transaction:
                    dropped += pruning_store.drop(transaction, idle[start : start + BATCH])
        self._count("storm", dropped)
        return dropped

    def _repeated(self, what: str, step: Step) -> int:
        dropped = 0
        for _ in range(MOST_BATCHES):
            with self._database.write() as transaction:
                batch = step(transaction)
            dropped += batch
            if not batch:
                break
        self._count(what, dropped)
        return dropped

    def _count(self, what: str, rows: int) -> None:
        if rows:
            self._metrics.pruned.labels(what).inc(rows)

    def _steps(self, now: datetime) -> Iterator[tuple[str, Step]]:
        kept = self._settings.retention
        until = {
            resolution: int((now - span).timestamp())
            for resolution, span in ((MINUTE, kept.minutes), (HOUR, kept.hours), (DAY, kept.days))
        }
        yield "occurrences", lambda t: pruning_store.drop_occurrences(t, now - kept.occurrences, BATCH)
        for dimension in DIMENSIONS:
            yield "counts", lambda t, of=dimension: pruning_store.drop_counts(t, until, of, SLICES)  # type: ignore[misc]
            users_before = micros(now - kept.users)
            yield "users", lambda t, of=dimension, at=users_before: pruning_store.drop_users(t, of, at, BATCH)  # type: ignore[misc]
        yield "counts", lambda t: pruning_store.drop_traits(t, until, SLICES)
        yield "users", lambda t: pruning_store.drop_group_users(t, now - kept.users, BATCH)
        yield "uploads", lambda t: pruning_store.drop_recovered(t, now - kept.recovered_uploads, BATCH)
        yield "answers", lambda t: life_store.forget_answers(t, now - ANSWERS_KEPT)
