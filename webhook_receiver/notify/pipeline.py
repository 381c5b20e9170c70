"""Delivery: finds what is due in the outbox and keeps it moving, each channel behind a wall of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from webhook_receiver.engine.precedence import Precedence
from webhook_receiver.notify import sending_store as store
from webhook_receiver.notify.claiming import Claiming
from webhook_receiver.notify.metrics import DeliveryMetrics
from webhook_receiver.notify.sending import Sending
from webhook_receiver.notify.sending_store import Message
from wedsync_core.clock import Clock, thread_seconds
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database
from wedsync_core.telemetry.logs import get_log

SENDERS = 4
"""Messages of one channel on the wire at once. A provider that hangs holds these and no other channel's."""
_NO_CHANNEL = ""
"""The pool that gives up pages of channels that are no more."""


class Delivery:
    """Sends what is due, several messages of each channel at once."""

    def __init__(
        self,
        *,
        database: Database,
        claiming: Claiming,
        sending: Sending,
        channels: Iterable[str],
        clock: Clock,
        precedence: Precedence,
        metrics: DeliveryMetrics,
    ) -> None:
        self._database = database
        self._claiming = claiming
        self._sending = sending
        self._clock = clock
        self._precedence = precedence
        self._metrics = metrics
        self._log = get_log("notify")
        self._stopping = threading.Event()
        self._pools = {
            name: ThreadPoolExecutor(SENDERS, thread_name_prefix=f"sender-{name}") for name in (*channels, _NO_CHANNEL)
        }
        self._on_the_wire = dict.fromkeys(self._pools, 0)
        self._slots = threading.Condition()

    def send_due(self) -> int:
        """Claim for the free senders and start sending; returns how many messages, without waiting for the wire."""
        with self._slots:
            rooms = {name: SENDERS - busy for name, busy in self._on_the_wire.items() if name != _NO_CHANNEL}
        messages = self._claim(rooms)
        with self._slots:
            for message in messages:
                self._on_the_wire[self._pool_of(message)] += 1
        for message in messages:
            self._pools[self._pool_of(message)].submit(self._work, message)
        return len(messages)

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait for the wire to be empty; returns whether it is."""
        with self._slots:
            return self._slots.wait_for(lambda: not any(self._on_the_wire.values()), timeout)

    def stop(self) -> None:
        """Let what is on the wire finish; what is only queued stays in the outbox for the next start."""
        self._stopping.set()
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def _claim(self, rooms: Mapping[str, int]) -> list[Message]:
        now = self._clock.now()
        if not any(room > 0 for room in rooms.values()):
            return []
        with self._database.read() as transaction:
            if not store.anything_due(transaction, now):
                return []
        with self._database.write() as transaction:
            store.lock(transaction)
            lost = store.take_over_lost(transaction, now)
            messages = self._claiming.claim(transaction, now, rooms)
        if lost:
            self._metrics.lease_expiries.inc(lost)
            self._log.warning("sender_lost", calls=lost)
        return messages

    def _work(self, message: Message) -> None:
        """Send, and go on with what is due for the same channel until nothing is."""
        pool = self._pool_of(message)
        following: list[Message] = [message]
        try:
            while following:
                began = thread_seconds()
                for one in following:
                    self._send(one)
                following = self._next(message.channel)
                self._precedence.rest(thread_seconds() - began)
        finally:
            with self._slots:
                self._on_the_wire[pool] -= 1
                self._slots.notify_all()

    def _send(self, message: Message) -> None:
        try:
            self._sending.send(message)
        except Unavailable:
            # The outcome could not be recorded: the lease runs out and the page goes again, marked as a repeat.
            self._log.error("page_outcome_not_recorded", call=message.call_id)
        except Exception:  # noqa: BLE001 -- the top of a sender: a fault in one page must not cost the others theirs
            self._log.exception("page_sender_failed", call=message.call_id)

    def _next(self, channel: str) -> list[Message]:
        if self._stopping.is_set() or channel not in self._pools:
            return []
        try:
            return self._claim({**dict.fromkeys(self._pools, 0), channel: 1})
        except Unavailable:
            return []  # the ticker finds it as soon as the database is back

    def _pool_of(self, message: Message) -> str:
        return message.channel if message.channel in self._pools else _NO_CHANNEL
