"""The way of one page: claimed, checked once more, sent, recorded. At least once; a repeat carries the same key."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from webhook_receiver.incidents import store as incident_store
from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.notify import outbox
from webhook_receiver.notify.channels import Channel, ChannelError, Envelope
from webhook_receiver.notify.metrics import DeliveryMetrics
from webhook_receiver.notify.outbox import Claimed
from webhook_receiver.notify.retry import Retry, after_failure
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database
from wedsync_core.telemetry.logs import get_log

SENDERS = 8
"""Pages on the wire at once. One provider that hangs holds as many as it has pages, for its timeout and no longer."""


class Delivery:
    """Sends what is due in the outbox, several pages at once."""

    def __init__(
        self,
        *,
        database: Database,
        channels: Mapping[str, Channel],
        clock: Clock,
        metrics: DeliveryMetrics,
    ) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("notify")
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="sender")
        self._on_the_wire = 0
        self._slots = threading.Condition()

    def send_due(self) -> int:
        """Claim pages for the free senders and start sending; returns how many, without waiting for the wire."""
        with self._slots:
            free = SENDERS - self._on_the_wire
        if free <= 0:
            return 0
        with self._database.write() as transaction:
            claimed = outbox.claim(transaction, self._clock.now(), free)
        with self._slots:
            self._on_the_wire += len(claimed)
        for page in claimed:
            self._senders.submit(self._send_and_free, page)
        return len(claimed)

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait for the wire to be empty; returns whether it is."""
        with self._slots:
            return self._slots.wait_for(lambda: self._on_the_wire == 0, timeout)

    def stop(self) -> None:
        """Let what is on the wire finish; what is only queued stays in the outbox for the next start."""
        self._senders.shutdown(wait=True, cancel_futures=True)

    def _send_and_free(self, claimed: Claimed) -> None:
        try:
            self.send_one(claimed)
        except Unavailable:
            # The outcome could not be recorded: the lease runs out and the page goes again, marked as a repeat.
            self._log.error("page_outcome_not_recorded", notification=claimed.notification_id)
        except Exception:  # noqa: BLE001 -- the top of a sender: a fault in one page must not cost the others theirs
            self._log.exception("page_sender_failed", notification=claimed.notification_id)
        finally:
            with self._slots:
                self._on_the_wire -= 1
                self._slots.notify_all()

    def send_one(self, claimed: Claimed) -> None:
        """Send one claimed page and record what came of it. Raises Unavailable when that cannot be recorded."""
        with self._database.read() as transaction:
            wanted = outbox.still_wanted(transaction, claimed)
        if not wanted:
            self._finish(claimed, "cancelled", "acknowledged or resolved before it went out", None)
            return
        try:
            self._channel(claimed).send(self._envelope(claimed))
        except ChannelError as error:
            self._failed(claimed, str(error), permanent=error.permanent)
            return
        sent_at = self._clock.now()
        self._metrics.pages.labels(claimed.channel, "sent").inc()
        self._metrics.delay.observe(max((sent_at - claimed.due_at).total_seconds(), 0.0))
        self._finish(claimed, "sent", None, None)

    def _channel(self, claimed: Claimed) -> Channel:
        channel = self._channels.get(claimed.channel)
        if channel is None:
            # Queued by an earlier configuration that had this channel.
            raise ChannelError(f"there is no channel {claimed.channel!r} any more", permanent=True)
        return channel

    def _envelope(self, claimed: Claimed) -> Envelope:
        return Envelope(
            idempotency_key=claimed.idempotency_key,
            person=claimed.person,
            address=claimed.address,
            page=claimed.page,
            sent_at=self._clock.now(),
            maybe_repeat=claimed.maybe_sent_before,
        )

    def _failed(self, claimed: Claimed, error: str, *, permanent: bool) -> None:
        retry: Retry = after_failure(claimed.attempt, permanent=permanent, now=self._clock.now())
        outcome = "failed" if retry.at else "abandoned"
        self._metrics.pages.labels(claimed.channel, outcome).inc()
        self._log.warning(
            "page_failed",
            incident=claimed.incident_id,
            channel=claimed.channel,
            attempt=claimed.attempt,
            outcome=outcome,
            error=error,
        )
        self._finish(claimed, "queued" if retry.at else "failed", error, retry.at)

    def _finish(self, claimed: Claimed, state: str, error: str | None, due_at: datetime | None) -> None:
        now = self._clock.now()
        with self._database.write() as transaction:
            mine = outbox.finish(transaction, claimed, state=state, now=now, error=error, due_at=due_at)
            kind = _LOGGED.get(state)
            if mine and kind is not None and (state != "queued" or claimed.attempt == 1):
                detail = {"person": claimed.person, "channel": claimed.channel, "attempt": claimed.attempt}
                if error:
                    detail["error"] = error
                incident_store.add_event(
                    transaction, claimed.incident_id, kind, actor="receiver", now=now, detail=detail
                )


_LOGGED = {
    "sent": EventKind.PAGE_SENT,
    "failed": EventKind.PAGE_FAILED,
    "queued": EventKind.PAGE_FAILED,  # the first failure of a page is worth a line, the sixtieth is not
    "cancelled": EventKind.PAGE_CANCELLED,
}
