"""The order of steps for one message: keep it as it came, read it alert by alert, turn each into what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webhook_receiver.alerts import episode_store, finding, store
from webhook_receiver.alerts.batches import Batches
from webhook_receiver.alerts.contract import WATCHDOG, NotUnderstood, Sighting, read_alert, read_message
from webhook_receiver.alerts.episode import Heard, Move, decide
from webhook_receiver.alerts.metrics import AlertMetrics
from webhook_receiver.alerts.service import Episodes, Told
from webhook_receiver.incidents.service import Incidents
from wedsync_core.clock import Clock
from wedsync_core.jsontext import parse_json
from wedsync_core.problems import Malformed, Unavailable
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

ALERTS_PER_TRANSACTION = 500
"""A storm is worked off in pieces, so that a critical alert behind it waits for one piece and not for all."""
MESSAGES_PER_TRANSACTION = 32
RETRY_AFTER = timedelta(seconds=2)
MOST_TRIES = 3
"""A message whose processing fails by a fault of ours is tried this often, and then set aside and told of."""
KEEP_MESSAGES = timedelta(days=2)
KEEP_QUARANTINED = timedelta(days=30)
PATIENCE_SECONDS = 1.5
"""Alertmanager is told 503 within two seconds and tries again by itself: waiting longer for a lock gains nothing."""
ACTOR = "alertmanager"
_NO_NEWS = frozenset({Move.SEE_AGAIN, Move.IGNORE})


@dataclass(frozen=True)
class Accepted:
    """What became of a message. ``changed``: something may be due now."""

    outcome: str
    alerts: int
    quarantined: int
    changed: bool = True


@dataclass(frozen=True)
class Placed:
    """A sighting, where in its message it stood, and of that message what counts."""

    position: int
    sighting: Sighting
    group_key: str
    received_at: datetime
    complete: bool


@dataclass(frozen=True)
class Reading:
    """A message as it came and as it was understood; ``problem`` is set when it was not."""

    body: bytes
    truncated_alerts: int = 0
    placed: Sequence[Placed] = ()
    refused: Sequence[tuple[int, str]] = ()
    problem: str | None = None

    @property
    def state(self) -> str:
        """What the message's row says once it has been processed."""
        return "done" if self.problem is None else "quarantined"

    @property
    def problems(self) -> list[str]:
        """What was not understood, of the whole or of single alerts."""
        return [self.problem] if self.problem is not None else [text for _, text in self.refused]


class AlertIntake:
    """Takes Alertmanager's messages. Once one is kept, it will be processed, whatever dies meanwhile."""

    def __init__(
        self,
        *,
        database: Database,
        incidents: Incidents,
        episodes: Episodes,
        reopen_window: timedelta,
        clock: Clock,
        metrics: AlertMetrics,
    ) -> None:
        self._database = database
        self._incidents = incidents
        self._episodes = episodes
        self._reopen_window = reopen_window
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("alerts")
        self._together = Batches(self._accept_together, most=MESSAGES_PER_TRANSACTION, patience=PATIENCE_SECONDS)

    def accept(self, body: bytes) -> Accepted:
        """Keep and process a message. Raises Unavailable when it could not be kept, so that it is sent again.

        Messages that come at the same time share a transaction, in which they are kept and processed. One that cannot
        be processed is kept alone, and tried again.
        """
        now = self._clock.now()
        reading = self._read(body, now)
        if len(reading.placed) <= ALERTS_PER_TRANSACTION:
            try:
                return self._together.do(reading)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 -- whatever it is, the message must not be lost by it
                self._log.error("message_not_processed_at_once", exc_info=error)
        with self._database.write(within=PATIENCE_SECONDS) as transaction:
            inbox_id = store.keep_message(transaction, body, now)
        return self._process(inbox_id, reading)

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

    def process_pending(self) -> int:
        """Process messages that were kept by a request that died; returns how many."""
        before = self._clock.now() - RETRY_AFTER
        with self._database.read() as transaction:
            if not store.any_pending(transaction, before):
                return 0
        with self._database.write() as transaction:
            pending = store.take_pending_messages(transaction, before, limit=20)
        for inbox_id, body, tries, received_at in pending:
            reading = self._read(body, received_at)
            if tries > MOST_TRIES:
                reading = Reading(body, problem=f"its processing failed {MOST_TRIES} times")
            self._process(inbox_id, reading)
        return len(pending)

    def forget_old_messages(self) -> int:
        """Delete processed messages older than ``KEEP_MESSAGES``, quarantined ones later; returns how many."""
        now = self._clock.now()
        with self._database.write() as transaction:
            done = store.forget_messages(transaction, now - KEEP_MESSAGES)
            return done + store.forget_quarantined(transaction, now - KEEP_QUARANTINED)

    def _accept_together(self, readings: Sequence[Reading]) -> list[Accepted]:
        now = self._clock.now()
        # In one order over all messages: two replicas then never wait for each other's rows.
        placed = sorted((one for reading in readings for one in reading.placed), key=_order)
        with self._database.write(within=PATIENCE_SECONDS) as transaction:
            self._hold_places(transaction, placed)
            for reading in readings:
                inbox_id = store.keep_message(transaction, reading.body, now, reading.state, reading.problem)
                self._set_aside(transaction, inbox_id, reading, now)
            changed = self._apply(transaction, placed, now)
        return [_accepted(reading, changed=changed) for reading in readings]

    def _read(self, body: bytes, received_at: datetime) -> Reading:
        try:
            message = read_message(parse_json(body))
        except (Malformed, NotUnderstood) as error:
            return Reading(body, problem=str(error))
        placed: list[Placed] = []
        refused: list[tuple[int, str]] = []
        complete = not message.truncated_alerts
        for position, alert in enumerate(message.alerts):
            try:
                sighting = read_alert(alert, received_at)
            except NotUnderstood as error:
                refused.append((position, str(error)))
                self._log.error("alert_quarantined", position=position, problem=str(error))
            else:
                placed.append(Placed(position, sighting, message.group_key, received_at, complete))
        return Reading(body, message.truncated_alerts, sorted(placed, key=_order), refused)

    def _process(self, inbox_id: int, reading: Reading) -> Accepted:
        """Process a message that is kept: in pieces, and where a piece fails alert by alert."""
        failed: list[tuple[int, str]] = []
        try:
            for piece in _pieces(reading.placed):
                failed += self._work_off(piece)
            whole = Reading(
                reading.body, reading.truncated_alerts, reading.placed, [*reading.refused, *failed], reading.problem
            )
            now = self._clock.now()
            with self._database.write(within=PATIENCE_SECONDS) as transaction:
                self._set_aside(transaction, inbox_id, whole, now)
                store.finish_message(transaction, inbox_id, whole.state, whole.problem)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 -- a fault of ours: it is kept, counts its tries, and costs no other its turn
            self._metrics.failures.labels("message").inc()
            self._log.exception("message_failed", inbox_id=inbox_id)
            return Accepted("postponed", len(reading.placed), 0)
        return _accepted(whole, changed=True)

    def _set_aside(self, transaction: Transaction, inbox_id: int, reading: Reading, now: datetime) -> None:
        """Quarantine what was not understood and tell somebody; have Alertmanager asked for what is not here."""
        for position, problem in reading.refused:
            store.quarantine(transaction, inbox_id, position, problem, now)
        if reading.problems:
            self._incidents.open(transaction, finding.quarantined(inbox_id, reading.problems), now)
        if reading.problems or reading.truncated_alerts:
            store.want_reconciliation(transaction, now)
        if reading.problem is not None:
            self._log.error("message_quarantined", inbox_id=inbox_id, problem=reading.problem)
        if reading.truncated_alerts:
            self._metrics.truncated.inc(reading.truncated_alerts)
            self._log.warning("message_truncated", inbox_id=inbox_id, missing=reading.truncated_alerts)

    def _work_off(self, piece: Sequence[Placed]) -> list[tuple[int, str]]:
        """Apply a piece in one transaction; undone by a fault of ours, alert by alert. Returns what failed and why."""
        try:
            with self._database.write(within=PATIENCE_SECONDS) as transaction:
                self._hold_places(transaction, piece)
                self._apply(transaction, piece, self._clock.now())
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 -- in the end set aside and told of: nothing is lost in silence
            self._log.exception("piece_failed", alerts=len(piece))
            if len(piece) == 1:
                self._metrics.failures.labels("alert").inc()
                return [(piece[0].position, f"processing it failed: {type(error).__name__}")]
        else:
            return []
        return [failed for one in piece for failed in self._work_off([one])]

    def _hold_places(self, transaction: Transaction, piece: Sequence[Placed]) -> None:
        """Before anything else is locked (see Correlation.hold), and only where an alert may be placed."""
        firing = {one.sighting.fingerprint for one in piece if one.sighting.firing}
        if not self._database.is_sqlite and firing - episode_store.open_fingerprints(transaction, firing):
            self._episodes.hold_places(transaction)

    def _apply(self, transaction: Transaction, piece: Sequence[Placed], now: datetime) -> bool:
        """Do what the sightings mean; returns whether that was more than seeing open episodes once more."""
        known = episode_store.remembered(transaction, (one.sighting.fingerprint for one in piece))
        changed = False
        seen: set[str] = set()
        for one in piece:
            sighting = one.sighting
            self._metrics.received.labels("firing" if sighting.firing else "resolved").inc()
            if sighting.name == WATCHDOG:
                if sighting.firing:
                    store.see_watchdog(transaction, sighting.labels.get("prometheus", "prometheus"), now)
                continue
            if sighting.fingerprint in seen:
                known.update(episode_store.remembered(transaction, [sighting.fingerprint]))
            seen.add(sighting.fingerprint)
            remembered = known.get(sighting.fingerprint)
            heard = Heard(at=one.received_at, now=now, reopen_window=self._reopen_window, complete=one.complete)
            decision = decide(sighting, remembered, heard)
            changed |= decision.move not in _NO_NEWS
            told = Told(ACTOR, now, one.group_key, one.received_at)
            self._episodes.apply(transaction, sighting, remembered, decision, told)
        return changed


def _order(one: Placed) -> tuple[bool, str]:
    """Critical first, for the storm; then one order for every replica. Of one alert, in the order they came."""
    return one.sighting.labels.get("severity") != "critical", one.sighting.fingerprint


def _accepted(reading: Reading, *, changed: bool) -> Accepted:
    if reading.problem is not None:
        return Accepted("quarantined", alerts=0, quarantined=0)
    refused = len(reading.refused)
    positions = {position for position, _ in reading.refused} | {one.position for one in reading.placed}
    return Accepted("quarantined" if refused else "accepted", len(positions), refused, changed or refused > 0)


def _pieces(placed: Sequence[Placed]) -> Iterator[Sequence[Placed]]:
    for start in range(0, len(placed), ALERTS_PER_TRANSACTION):
        yield placed[start : start + ALERTS_PER_TRANSACTION]
