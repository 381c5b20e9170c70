"""Windows of maintenance and the incidents they hold: recorded at once, woken when nothing covers them any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from webhook_receiver.incidents import store as incidents
from webhook_receiver.incidents.incident import EventKind, Suppressed
from webhook_receiver.incidents.service import Report
from webhook_receiver.suppression import store
from webhook_receiver.suppression.contract import NewWindow
from webhook_receiver.suppression.rules import RULE, WINDOW, Cover, Judged, judge, wrong_span
from wedsync_core.clock import Clock
from wedsync_core.problems import Conflict, Invalid, NotFound
from wedsync_core.redaction import redact_text
from wedsync_core.settings.engine import SuppressionSettings
from wedsync_core.severity import Decision, Severity, Signal
from wedsync_core.storage import Database, Transaction

PER_TRANSACTION = 500
LOOK_AT_ALL = timedelta(seconds=30)
OVERLAP = timedelta(seconds=5)
"""How far a look at what has changed reaches back beyond the look before it: commits are seen after their moment."""


class Suppression:
    """Says who may sleep, and wakes them when that is over."""

    def __init__(self, *, database: Database, settings: SuppressionSettings, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._rules = tuple(
            Cover(RULE, rule.name, rule.match, Severity(rule.up_to), rule.reason, None) for rule in settings.rules
        )
        self._read: tuple[Any, datetime, list[Cover]] | None = None
        self._looked_at: datetime | None = None
        self._looked_at_all = float("-inf")

    def of_new(self, transaction: Transaction, report: Report, decision: Decision, now: datetime) -> Suppressed | None:
        """Return what keeps people asleep for an incident that opens, if anything does."""
        labels = {**_facts(report.signal), **report.labels}
        covers = self._covers_once(transaction, now)
        judged = judge([labels], decision.severity, on_wedding_day=decision.on_wedding_day, covers=covers)
        return judged.suppressed

    def add_window(self, transaction: Transaction, asked: NewWindow, *, by: str) -> Any:
        """Write a window; returns its row. Incidents that are awake already stay awake. Raises Invalid."""
        now = self._clock.now()
        starts_at = asked.starts_at or now
        problem = wrong_span(starts_at, asked.ends_at, now)
        if problem:
            raise Invalid(f"{problem.field}: {problem.message}", problem)
        values = {
            "starts_at": starts_at,
            "ends_at": asked.ends_at,
            "match": dict(asked.match),
            "up_to": asked.up_to,
            "reason": redact_text(asked.reason),
            "created_at": now,
            "created_by": by,
        }
        return store.insert_window(transaction, values)

    def cancel_window(self, transaction: Transaction, window_id: int) -> tuple[Any, int]:
        """End a window now and wake what only it held; returns its row and how many incidents are awake.

        Cancelling twice changes nothing. Raises NotFound, and Conflict when it ended by itself.
        """
        now = self._clock.now()
        row = store.find_window(transaction, window_id)
        if row is None:
            raise NotFound(f"there is no maintenance window {window_id}")
        if row.cancelled_at is not None:
            return row, 0
        if row.ends_at <= now:
            raise Conflict(f"maintenance window {window_id} is over")
        store.cancel_window(transaction, window_id, now)
        held = store.asleep(transaction, after=0, limit=None)
        return store.find_window(transaction, window_id), self._judge_again(transaction, held, now)

    def wake_due(self) -> int:
        """Wake incidents whose window has ended, unless another has opened; returns how many were looked at."""
        return self._look(due=self._clock.now())

    def look_again(self) -> int:
        """Judge what is asleep anew where there is news (a worse severity, another alert); now and then all of it."""
        now, elapsed = self._clock.now(), self._clock.monotonic()
        everything = elapsed - self._looked_at_all >= LOOK_AT_ALL.total_seconds()
        since = None if everything or self._looked_at is None else self._looked_at - OVERLAP
        self._look(changed_since=since)
        self._looked_at = now
        if everything:
            self._looked_at_all = elapsed
        return 0

    def _look(self, *, due: datetime | None = None, changed_since: datetime | None = None) -> int:
        with self._database.read() as transaction:
            if not store.any_asleep(transaction):
                return 0
        looked, after = 0, 0
        while True:
            # One transaction a piece: whoever keeps a message waits for one piece and not for all.
            with self._database.write() as transaction:
                held = store.asleep(
                    transaction, after=after, limit=PER_TRANSACTION, due=due, changed_since=changed_since
                )
                self._judge_again(transaction, held, self._clock.now())
            looked += len(held)
            if len(held) < PER_TRANSACTION:
                return looked
            after = held[-1].id

    def _judge_again(self, transaction: Transaction, held: Sequence[Any], now: datetime) -> int:
        """Judge incidents that are asleep; returns how many are awake."""
        if not held:
            return 0
        covers = self._covers(transaction, now)
        labels = store.firing_labels(transaction, (row.id for row in held))
        woken = 0
        for row in held:
            judged = judge(
                labels.get(row.id) or [_facts_of_row(row)],
                Severity(row.severity),
                on_wedding_day=bool(row.decision["on_wedding_day"]),
                covers=covers,
            )
            woken += self._apply(transaction, row, judged, now)
        return woken

    def _apply(self, transaction: Transaction, row: Any, judged: Judged, now: datetime) -> int:
        if row.current_escalation_level > 0:
            # Somebody told the next people by hand: it is awake, whatever covers it.
            judged = Judged(None, "escalated")
        if judged.suppressed is None:
            values: dict[str, Any] = {"suppressed_by": None}
            if judged.reason != "escalated":
                values["next_escalation_at"] = now
            incidents.update_incident(transaction, row.id, values, now)
            detail = {"reason": judged.reason, "suppressed_by": row.suppressed_by}
            incidents.add_event(transaction, row.id, EventKind.WOKEN, actor="receiver", now=now, detail=detail)
            return 1
        held_by, until = judged.suppressed.as_json(), judged.suppressed.until
        if held_by != row.suppressed_by or until != row.next_escalation_at:
            values = {"suppressed_by": held_by, "next_escalation_at": until}
            incidents.update_incident(transaction, row.id, values, now)
            kind = EventKind.SUPPRESSED
            incidents.add_event(transaction, row.id, kind, actor="receiver", now=now, detail=held_by)
        return 0

    def _covers_once(self, transaction: Transaction, now: datetime) -> list[Cover]:
        """Read the open windows once for all incidents that one transaction opens: a storm opens many."""
        read, mine = self._read, transaction.get_transaction()
        if read is None or read[0] is not mine or read[1] != now:
            read = self._read = (mine, now, self._covers(transaction, now))
        return read[2]

    def _covers(self, transaction: Transaction, now: datetime) -> list[Cover]:
        windows = [
            Cover(WINDOW, str(row.id), row.match, Severity(row.up_to), row.reason, row.ends_at)
            for row in store.open_windows(transaction, now)
        ]
        return [*windows, *self._rules]


def _facts(signal: Signal) -> dict[str, str]:
    """Return what is known of an incident in the words of labels."""
    facts = {"service": signal.service, "type": signal.type, "affects": ",".join(sorted(signal.affects))}
    if signal.rule_severity:
        facts["severity"] = signal.rule_severity
    if len(signal.regions) == 1:
        (facts["region"],) = signal.regions
    return facts


def _facts_of_row(row: Any) -> Mapping[str, str]:
    inputs = row.decision.get("inputs", {})
    return _facts(
        Signal(
            service=row.service,
            type=row.type,
            affects=frozenset(inputs.get("affects", row.affects)),
            regions=frozenset(row.regions),
            rule_severity=inputs.get("rule_severity"),
        )
    )
