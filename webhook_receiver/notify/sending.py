"""The way of one message: looked at once more, handed to its channel, recorded. At least once; a repeat has its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.notify import sending_store as store
from webhook_receiver.notify.bundle import compose_bundle
from webhook_receiver.notify.channels import Channel, ChannelError, Envelope
from webhook_receiver.notify.links import Grant
from webhook_receiver.notify.message import Mentioned, Page, page_from_json
from webhook_receiver.notify.metrics import DeliveryMetrics
from webhook_receiver.notify.retry import Retry, after_failure
from webhook_receiver.notify.sending_store import Message
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.severity import Severity, WeddingImpact
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

RECORDING_TRIES = 3
"""An outcome that cannot be recorded becomes a second sending: it is tried again before the lease decides."""
NOT_WANTED = "acknowledged or resolved before it went out"

LinkTo = Callable[[Grant], str | None]
"""Returns the address of an acknowledge link, or None where there are none."""


@dataclass(frozen=True)
class Outcome:
    """What came of a call: ``sent``, ``failed``, ``refused`` (no try will help) or ``unknown``."""

    name: str
    problem: str | None = None
    retry_after: timedelta | None = None


class Sending:
    """Sends claimed messages."""

    def __init__(
        self,
        *,
        database: Database,
        channels: Mapping[str, Channel],
        longest: Mapping[str, int],
        base_url: str,
        link_to: LinkTo,
        link_expires: timedelta,
        clock: Clock,
        metrics: DeliveryMetrics,
    ) -> None:
        self._database = database
        self._channels = channels
        self._longest = longest
        self._base_url = base_url
        self._link_to = link_to
        self._link_expires = link_expires
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("notify")

    def send(self, message: Message) -> None:
        """Send one message and record what came of it. Raises Unavailable when that cannot be recorded."""
        with self._database.read() as transaction:
            rows = store.claimed(transaction, message.call_id)
            wanted = [row for row in rows if row.wanted]
            page = self._page(transaction, message, wanted) if wanted else None
        if page is None:
            self._record(lambda transaction: self._withdraw(transaction, message, rows))
            return
        outcome = self._call(message, self._envelope(message, page, wanted))
        self._metrics.messages.labels(message.channel, outcome.name).inc()
        self._record(lambda transaction: self._finish(transaction, message, rows, outcome))

    def _page(self, transaction: Transaction, message: Message, wanted: Sequence[Any]) -> Page:
        if len(wanted) == 1:
            return page_from_json(store.message_of(transaction, wanted[0].id))
        mentioned = [Mentioned(str(row.incident_id), _severity(row.severity_rank), row.subject) for row in wanted]
        return compose_bundle(
            mentioned,
            self._base_url,
            impact=max((WeddingImpact(row.wedding_impact) for row in wanted), key=lambda impact: impact.rank).value,
            level=max(row.current_escalation_level for row in wanted),
            longest=self._longest.get(message.channel, 1_500),
        )

    def _envelope(self, message: Message, page: Page, wanted: Sequence[Any]) -> Envelope:
        now = self._clock.now()
        expires_at = now + self._link_expires
        grants = (
            Grant(row.incident_id, message.person, row.escalation_cycle, expires_at, str(row.id)) for row in wanted
        )
        links = {str(grant.incident_id): self._link_to(grant) for grant in grants}
        return Envelope(
            idempotency_key=message.key,
            person=message.person,
            address=message.address,
            page=page,
            sent_at=now,
            maybe_repeat=message.maybe_repeat,
            links={incident: url for incident, url in links.items() if url is not None},
        )

    def _call(self, message: Message, envelope: Envelope) -> Outcome:
        channel = self._channels.get(message.channel)
        if channel is None:
            # Queued by an earlier configuration that had this channel.
            return Outcome("refused", f"there is no channel {message.channel!r} any more")
        try:
            channel.send(envelope)
        except ChannelError as error:
            name = "unknown" if error.unknown else "refused" if error.permanent else "failed"
            return Outcome(name, str(error), error.retry_after)
        except Exception as error:  # noqa: BLE001 -- a fault in a channel is a page that may not have gone
            self._log.exception("channel_failed", channel=message.channel)
            return Outcome("unknown", f"the channel failed: {type(error).__name__}")
        return Outcome("sent")

    def _record(self, write: Callable[[Transaction], None]) -> None:
        for tries_left in range(RECORDING_TRIES - 1, -1, -1):
            try:
                with self._database.write() as transaction:
                    write(transaction)
            except Unavailable:
                if not tries_left:
                    raise
            else:
                return

    def _withdraw(self, transaction: Transaction, message: Message, rows: Sequence[Any]) -> None:
        now = self._clock.now()
        store.unmake_call(transaction, message.call_id)
        self._cancel(transaction, message, rows, now)

    def _finish(self, transaction: Transaction, message: Message, rows: Sequence[Any], outcome: Outcome) -> None:
        now = self._clock.now()
        store.hold_incidents(transaction, (row.incident_id for row in rows))
        store.finish_call(transaction, [message.call_id], outcome=outcome.name, problem=outcome.problem, now=now)
        self._cancel(transaction, message, [row for row in rows if not row.wanted], now)
        wanted = [row for row in rows if row.wanted]
        if outcome.name == "sent":
            self._sent(transaction, message, wanted, now)
        else:
            self._failed(transaction, message, wanted, outcome, now)

    def _cancel(self, transaction: Transaction, message: Message, rows: Sequence[Any], now: datetime) -> None:
        values = {"state": "cancelled", "finished_at": now, "last_error": NOT_WANTED}
        moved = store.finish_pages(transaction, message.call_id, [row.id for row in rows], values)
        details = [(incident_id, self._detail(message, page_id, NOT_WANTED)) for page_id, incident_id in moved]
        store.log_pages(transaction, EventKind.PAGE_CANCELLED, details, now)

    def _sent(self, transaction: Transaction, message: Message, rows: Sequence[Any], now: datetime) -> None:
        values = {"state": "sent", "finished_at": now, "last_error": None}
        moved = store.finish_pages(transaction, message.call_id, [row.id for row in rows], values)
        details = [(incident_id, self._detail(message, page_id, None)) for page_id, incident_id in moved]
        store.log_pages(transaction, EventKind.PAGE_SENT, details, now)
        self._metrics.pages.labels(message.channel, "sent").inc(len(rows))
        for row in rows:
            wanted_at = row.wanted_at or row.created_at
            self._metrics.delay.observe(max((now - wanted_at).total_seconds(), 0.0))

    def _failed(
        self, transaction: Transaction, message: Message, rows: Sequence[Any], outcome: Outcome, now: datetime
    ) -> None:
        problem = outcome.problem or outcome.name
        # One answer to many pages together says nothing certain about each of them: they go again.
        permanent = outcome.name == "refused" and len(rows) == 1
        by_retry: dict[Retry, list[int]] = {}
        for row in rows:
            attempt = message.attempts.get(row.id, 1)
            retry = after_failure(attempt, permanent=permanent, now=now, asked=outcome.retry_after)
            by_retry.setdefault(retry, []).append(row.id)
        for retry, page_ids in by_retry.items():
            self._fail_pages(transaction, message, page_ids, (retry, problem, outcome.name), now)
        store.hasten_next_steps(transaction, [message.call_id], now)

    def _fail_pages(
        self,
        transaction: Transaction,
        message: Message,
        page_ids: Sequence[int],
        what: tuple[Retry, str, str],
        now: datetime,
    ) -> None:
        retry, problem, outcome = what
        gone = {"state": "failed", "finished_at": now, "last_error": problem}
        values = store.retry_values(retry.at, problem, unknown=outcome == "unknown") if retry.at else gone
        moved = store.finish_pages(transaction, message.call_id, page_ids, values)
        # The first failure of a page is worth a line, and the last; the thirty between are in the calls.
        told = [one for one in moved if retry.at is None or message.attempts.get(one[0], 1) == 1]
        details = [(incident_id, self._detail(message, page_id, problem)) for page_id, incident_id in told]
        store.log_pages(transaction, EventKind.PAGE_FAILED, details, now)
        counted = "failed" if retry.at else "abandoned"
        self._metrics.pages.labels(message.channel, counted).inc(len(page_ids))
        self._log.warning(
            "page_failed",
            channel=message.channel,
            pages=len(page_ids),
            outcome=counted,
            error=problem,
        )

    def _detail(self, message: Message, page_id: int, problem: str | None) -> dict[str, Any]:
        attempt = message.attempts.get(page_id, 1)
        detail = {"person": message.person, "channel": message.channel, "attempt": attempt}
        if len(message.attempts) > 1:
            detail["bundle"] = message.key
        return {**detail, "error": problem} if problem else detail


def _severity(rank: int) -> str:
    return next(severity.value for severity in Severity if severity.rank == rank)
