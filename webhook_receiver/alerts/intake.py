"""Take a message: keep it as it came, then answer; process it before the answer, unless there is a storm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from webhook_receiver.alerts import finding, store
from webhook_receiver.alerts.batches import Batches
from webhook_receiver.alerts.processing import PATIENCE_SECONDS, Accepted, Processing
from webhook_receiver.alerts.reading import Reading, read
from webhook_receiver.incidents.service import Incidents
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Busy, Database
from wedsync_core.telemetry.logs import get_log

ALERTS_AT_ONCE = 50
"""A message of more is kept, answered and then processed: Alertmanager gives up on an answer after ten seconds."""
MESSAGES_PER_TRANSACTION = 32
LEAST_PATIENCE_SECONDS = 0.3
"""What a message still has for its own locks when it has waited long for others."""
KEEP_MESSAGES = timedelta(days=2)
KEEP_QUARANTINED = timedelta(days=30)


@dataclass(frozen=True)
class Arrived:
    """A message that waits to be kept, and since when (monotonic)."""

    reading: Reading
    at: float


class AlertIntake:
    """Takes Alertmanager's messages. Once one is kept, it will be processed, whatever dies meanwhile."""

    def __init__(self, *, database: Database, incidents: Incidents, processing: Processing, clock: Clock) -> None:
        self._database = database
        self._incidents = incidents
        self._processing = processing
        self._clock = clock
        self._log = get_log("alerts")
        self._together = Batches(self._accept_together, most=MESSAGES_PER_TRANSACTION, patience=PATIENCE_SECONDS)

    def accept(self, body: bytes) -> Accepted:
        """Keep a message; process it too, unless there is a storm. Raises Unavailable when it could not be kept.

        A storm is a long message, several messages at once, or a backlog of such: then they are answered once they are
        kept, and processed in the order they came, what is urgent first. One that cannot be processed is kept alone,
        and tried again.
        """
        now = self._clock.now()
        reading = read(body, now)
        if len(reading.placed) > ALERTS_AT_ONCE:
            return self._keep_for_later([reading], PATIENCE_SECONDS)[0]
        try:
            return self._together.do(Arrived(reading, self._clock.monotonic()))
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever it is, the message must not be lost by it
            self._log.error("message_not_processed_at_once", exc_info=error)
        with self._database.write(within=PATIENCE_SECONDS) as transaction:
            inbox_id = store.keep_message(transaction, body, now)
        return self._processing.process(inbox_id, reading)

    def accept_head(self, head: bytes, size: int, limit: int) -> Accepted:
        """Keep the head of a message too large to take, tell somebody, and have Alertmanager asked instead.

        Raises Unavailable. A refusal would be answered with the same message, for ever.
        """
        now = self._clock.now()
        problem = f"{size} bytes, {limit} are taken at most"
        with self._database.write(within=PATIENCE_SECONDS) as transaction:
            inbox_id = store.keep_message(transaction, head, now, "quarantined", problem)
            self._incidents.open(transaction, finding.oversize(inbox_id, size, limit), now)
            store.want_reconciliation(transaction, now)
        self._log.error("message_too_large", inbox_id=inbox_id, bytes=size)
        return Accepted("oversize", alerts=0, quarantined=0)

    def forget_old_messages(self) -> int:
        """Delete processed messages older than ``KEEP_MESSAGES``, quarantined ones later; returns how many."""
        now = self._clock.now()
        with self._database.write() as transaction:
            done = store.forget_messages(transaction, now - KEEP_MESSAGES)
            return done + store.forget_quarantined(transaction, now - KEEP_QUARANTINED)

    def _accept_together(self, arrived: Sequence[Arrived]) -> list[Accepted]:
        readings = [one.reading for one in arrived]
        waited = self._clock.monotonic() - min(one.at for one in arrived)
        within = max(PATIENCE_SECONDS - waited, LEAST_PATIENCE_SECONDS)
        if len(readings) > 1 or self._processing.busy:
            return self._keep_for_later(readings, within)
        (reading,) = readings
        try:
            return [self._keep_and_apply(reading, within)]
        except Busy:
            # Somebody holds what it concerns, or the two stood in each other's way: kept, it can wait for its turn.
            return self._keep_for_later(readings, LEAST_PATIENCE_SECONDS)

    def _keep_and_apply(self, reading: Reading, within: float) -> Accepted:
        now = self._clock.now()
        with self._database.write(within=within) as transaction:
            changed = self._processing.apply(transaction, reading.placed, now)
            inbox_id = store.keep_message(transaction, reading.body, now, reading.state, reading.problem)
            self._processing.set_aside(transaction, inbox_id, reading, now)
        return Accepted.of(reading, changed=changed)

    def _keep_for_later(self, readings: Sequence[Reading], within: float) -> list[Accepted]:
        if self._processing.stuck:
            raise Unavailable("what was kept before cannot be processed right now")
        now = self._clock.now()
        with self._database.write(within=within) as transaction:
            kept = store.keep_messages(transaction, [reading.body for reading in readings], now)
        for inbox_id, reading in zip(kept, readings, strict=True):
            self._processing.wait(inbox_id, reading)
        return [Accepted.of(reading, changed=True) for reading in readings]
