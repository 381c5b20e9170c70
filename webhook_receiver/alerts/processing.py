"""Turn kept messages into what they mean: at once, from the backlog of a storm, or left over by a process that died."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from webhook_receiver.alerts import episode_store, finding, store
from webhook_receiver.alerts.backlog import Backlog, Kept, Piece
from webhook_receiver.alerts.contract import WATCHDOG
from webhook_receiver.alerts.episode import Heard, Move
from webhook_receiver.alerts.metrics import AlertMetrics
from webhook_receiver.alerts.reading import Placed, Reading, is_urgent, order, pieces, read
from webhook_receiver.alerts.service import Episodes
from webhook_receiver.alerts.together import Together
from webhook_receiver.engine.precedence import Precedence
from webhook_receiver.incidents.service import Incidents
from wedsync_core.clock import Clock, thread_seconds
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

ALERTS_PER_PIECE = 5
"""What fails is tried again in pieces of this size, then one by one. What a dead process left over goes so at once."""
ALERTS_TOGETHER = 100
"""A storm is worked off in pieces: what comes behind it waits for one transaction (some 100 ms) and not for all."""
ALERTS_PRESSED = 20
"""While requests come: each waits for one such transaction, some 20 ms; half of that is its beginning and end."""
TURN_SECONDS = 0.25
"""The backlog is worked off for this long in a turn; then whoever is due hears of it."""
RETRY_AFTER = timedelta(seconds=2)
MOST_TRIES = 6
"""A message whose processing fails by a fault of ours is tried this often, and then set aside and told of.

One that was in hand when the process was killed looks like one that kills it: with fewer, kills from outside in a row
would set good messages aside.
"""
LEFT_OVER_TOGETHER = 200
"""Messages of a process that died, read at once."""
PATIENCE_SECONDS = 1.5
"""Alertmanager is told 503 within two seconds and tries again by itself: waiting longer for a lock gains nothing."""
ACTOR = "alertmanager"
POSTPONED = "postponed"
_NO_NEWS = frozenset({Move.SEE_AGAIN, Move.IGNORE})


@dataclass(frozen=True)
class Accepted:
    """What became of a message. ``changed``: something may be due now."""

    outcome: str
    alerts: int
    quarantined: int
    changed: bool = True

    @staticmethod
    def of(reading: Reading, *, changed: bool) -> Accepted:
        """Return what is answered for a message that was understood so far."""
        if reading.problem is not None:
            return Accepted("quarantined", alerts=0, quarantined=0)
        refused = len(reading.refused)
        outcome = "quarantined" if refused else "accepted"
        return Accepted(outcome, reading.positions, refused, changed or refused > 0)


class Processing:
    """Works messages off. What is kept will be processed, whatever dies meanwhile."""

    def __init__(
        self,
        *,
        database: Database,
        incidents: Incidents,
        episodes: Episodes,
        reopen_window: timedelta,
        clock: Clock,
        precedence: Precedence,
        metrics: AlertMetrics,
        last_resort: Callable[[bytes], None],
    ) -> None:
        self._database = database
        self._incidents = incidents
        self._episodes = episodes
        self._reopen_window = reopen_window
        self._clock = clock
        self._precedence = precedence
        self._metrics = metrics
        self._last_resort = last_resort
        self._stuck = False
        self._log = get_log("alerts")
        self._backlog = Backlog[Placed, Reading](per_piece=ALERTS_PER_PIECE)
        metrics.waiting.set_function(lambda: self._backlog.alerts)

    @property
    def busy(self) -> bool:
        """Whether messages wait: what comes now must not overtake them."""
        return self._backlog.busy

    @property
    def stuck(self) -> bool:
        """Whether what waits could not be processed lately, for want of the database: nothing more should wait."""
        return self._stuck

    def wait(self, inbox_id: int, reading: Reading, *, uncounted: bool = False) -> None:
        """Let a kept message wait for its turn. ``uncounted``: it is left over, and its next try is to be counted."""
        urgent = [one for one in reading.placed if is_urgent(one)]
        others = [one for one in reading.placed if not is_urgent(one)]
        # The body is in the inbox; in memory it is needed only should the last resort have to tell of it.
        body = reading.body if urgent else b""
        self._backlog.add(inbox_id, replace(reading, body=body, placed=()), urgent, others, uncounted=uncounted)

    def process_pending(self) -> int:
        """Process what waits: first the backlog, then messages kept by a request that died; returns how many."""
        handled, until = 0, self._clock.monotonic() + TURN_SECONDS
        while taken := self._backlog.take(ALERTS_PRESSED if self._precedence.pressed else ALERTS_TOGETHER):
            began = thread_seconds()
            self._work_off_pieces(taken)
            handled += len(taken)
            self._precedence.rest(thread_seconds() - began)
            if self._clock.monotonic() >= until:
                return handled
        return handled + self._process_left_over()

    def process(self, inbox_id: int, reading: Reading) -> Accepted:
        """Process a message that is kept: in pieces, and where a piece fails alert by alert."""
        failed: list[tuple[int, str]] = []
        try:
            for piece in pieces(reading.placed, ALERTS_PER_PIECE):
                failed += self._work_off(piece)
            whole = Reading(
                reading.body, reading.truncated_alerts, reading.placed, [*reading.refused, *failed], reading.problem
            )
            now = self._clock.now()
            with self._database.write(within=PATIENCE_SECONDS) as transaction:
                self.set_aside(transaction, inbox_id, whole, now)
                store.finish_message(transaction, inbox_id, whole.state, whole.problem)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 -- a fault of ours: it is kept, counts its tries, and costs no other its turn
            self._metrics.failures.labels("message").inc()
            self._log.exception("message_failed", inbox_id=inbox_id)
            return Accepted(POSTPONED, len(reading.placed), 0)
        return Accepted.of(whole, changed=True)

    def set_aside(self, transaction: Transaction, inbox_id: int, reading: Reading, now: datetime) -> None:
        """Quarantine what was not understood and tell somebody; have Alertmanager asked for what is not here."""
        for position, problem in reading.refused:
            store.quarantine(transaction, inbox_id, position, problem, now)
            self._log.error("alert_quarantined", position=position, problem=problem)
        if reading.problems:
            self._incidents.open(transaction, finding.quarantined(inbox_id, reading.problems), now)
        if reading.problems or reading.truncated_alerts:
            store.want_reconciliation(transaction, now)
        if reading.problem is not None:
            self._log.error("message_quarantined", inbox_id=inbox_id, problem=reading.problem)
        if reading.truncated_alerts:
            self._metrics.truncated.inc(reading.truncated_alerts)
            self._log.warning("message_truncated", inbox_id=inbox_id, missing=reading.truncated_alerts)

    def apply(self, transaction: Transaction, piece: Sequence[Placed], now: datetime) -> bool:
        """Do what the sightings mean; returns whether that was more than seeing open episodes once more."""
        self._hold_places(transaction, piece)
        together = Together(transaction, now, actor=ACTOR, episodes=self._episodes)
        together.meet(one.sighting for one in piece)
        changed = False
        for one in piece:
            sighting = one.sighting
            self._metrics.received.labels("firing" if sighting.firing else "resolved").inc()
            if sighting.name == WATCHDOG:
                if sighting.firing:
                    store.see_watchdog(transaction, sighting.labels.get("prometheus", "prometheus"), now)
                continue
            heard = Heard(at=one.received_at, now=now, reopen_window=self._reopen_window, complete=one.complete)
            changed |= together.hear(sighting, heard, one.group_key).move not in _NO_NEWS
        together.write()
        return changed

    def _process_left_over(self) -> int:
        now = self._clock.now()
        with self._database.read() as transaction:
            if not store.any_pending(transaction, now):
                self._backlog.caught_up()
                return 0
            if not store.any_pending(transaction, now - RETRY_AFTER):
                return 0
            left_over = store.left_over_messages(transaction, now, RETRY_AFTER, LEFT_OVER_TOGETHER)
        # The first time they go together, in the order and the pieces of a storm; one that was in hand when a process
        # died, or that failed, goes alone.
        handled = 0
        for inbox_id, body, tries, received_at in left_over:
            reading = read(body, received_at)
            if tries == 1:
                self.wait(inbox_id, reading, uncounted=True)
                handled += 1
            else:
                handled += self._try_alone(inbox_id, reading, tries)
        return handled

    def _try_alone(self, inbox_id: int, reading: Reading, tries: int) -> bool:
        """Process a message that was tried before; returns False when it waits for its next try."""
        if tries >= MOST_TRIES:
            reading = Reading(reading.body, problem=f"its processing failed {MOST_TRIES} times")
        with self._database.write() as transaction:
            store.count_tries(transaction, [inbox_id])
        try:
            return self.process(inbox_id, reading).outcome != POSTPONED
        except Unavailable:
            # A database that is gone or busy is not the message's fault.
            with self._database.write() as transaction:
                store.give_back_tries(transaction, [inbox_id])
            raise

    def _count_tries(self, taken: Sequence[Piece[Placed, Reading]]) -> None:
        """Count, before it is made, the try of what a dead process left over: few at a time, since all are suspect."""
        uncounted = {piece.of.inbox_id: piece.of for piece in taken if piece.of.uncounted}
        if uncounted:
            with self._database.write() as transaction:
                store.count_tries(transaction, list(uncounted))
            for kept in uncounted.values():
                kept.uncounted = False

    def _work_off_pieces(self, taken: Sequence[Piece[Placed, Reading]]) -> None:
        """Process pieces of the backlog in one transaction, with the end of each message whose last one is among them.

        By a fault of ours each is tried by itself, and then each alert. Raises Unavailable; they come again then.
        """
        now = self._clock.now()
        placed = sorted((one for piece in taken for one in piece.alerts), key=order)
        ending = {
            kept.inbox_id: kept
            for kept in (piece.of for piece in taken)
            if kept.pieces_left == sum(piece.of is kept for piece in taken)
        }
        try:
            try:
                self._count_tries(taken)
                with self._database.write() as transaction:
                    self.apply(transaction, placed, now)
                    self._end_messages(transaction, ending.values(), now)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 -- in the end set aside and told of: nothing is lost in silence
                self._log.exception("backlog_failed", pieces=len(taken))
                for piece in taken:
                    piece.of.failed += self._work_off(piece.alerts)
                with self._database.write() as transaction:
                    self._end_messages(transaction, ending.values(), now)
        except Unavailable:
            self._tell_of_what_is_stuck()
            self._backlog.put_back()
            raise
        except Exception:  # noqa: BLE001 -- a fault of ours: the message stays in the inbox and counts its tries
            self._metrics.failures.labels("message").inc()
            self._log.exception("message_failed", inbox_ids=list(ending))
        for piece in taken:
            piece.of.pieces_left -= 1
        self._backlog.done()
        self._stuck = False

    def _tell_of_what_is_stuck(self) -> None:
        """It was answered, so that nobody sends it again: what is urgent in it is told without the database."""
        self._stuck = True
        for reading in self._backlog.urgent():
            self._last_resort(reading.body)

    def _end_messages(self, transaction: Transaction, ending: Iterable[Kept[Placed, Reading]], now: datetime) -> None:
        finished: list[tuple[int, str, str | None]] = []
        for kept in ending:
            whole = kept.message
            if kept.failed:
                whole = replace(whole, refused=[*whole.refused, *kept.failed])
            self.set_aside(transaction, kept.inbox_id, whole, now)
            finished.append((kept.inbox_id, whole.state, whole.problem))
        store.finish_messages(transaction, finished)

    def _work_off(self, piece: Sequence[Placed]) -> list[tuple[int, str]]:
        """Apply a piece in one transaction; undone by a fault of ours, alert by alert. Returns what failed and why."""
        try:
            with self._database.write(within=PATIENCE_SECONDS) as transaction:
                self.apply(transaction, piece, self._clock.now())
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
