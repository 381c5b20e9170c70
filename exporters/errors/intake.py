"""The order of steps for one request of error reports."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from exporters.alarm.contract import Alarm
from exporters.errors import life_store, store, tally_store
from exporters.errors.classification import CalendarFacts, Surroundings, alarm_of, is_alarming, judge
from exporters.errors.cleaning import CleanReport, clean
from exporters.errors.committing import Together
from exporters.errors.contract import Refused, Submission
from exporters.errors.fingerprint import Fingerprint, fingerprint
from exporters.errors.grouping import find_groups, with_groups_name
from exporters.errors.life import hushed
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.rules import GroupingRule
from exporters.errors.store import NewOccurrence, StoredError
from exporters.errors.tally import Judged, entries_of
from exporters.errors.traits import wedding_of
from wedsync_core.clock import Clock
from wedsync_core.severity import SeveritySettings
from wedsync_core.storage import Database, Transaction

USERS_WINDOW = timedelta(hours=1)
"""Users who had the same error within this time count as affected now."""

Prepared = tuple[CleanReport, Fingerprint]
Batch = dict[int, Prepared]
"""The good reports of a request, by their place in it."""


class Alarms(Protocol):
    """What looks after the alarms that errors raise."""

    def raise_alarms(self, transaction: Transaction, alarms: Iterable[tuple[Alarm, int]], now: datetime) -> bool:
        """Note alarms with the number of their errors; returns whether any is to be posted at once."""

    def wake(self) -> None:
        """Post what is due: it has been committed."""


@dataclass(frozen=True)
class Kept:
    """What became of a request's reports, by event id: stored now, or stored before."""

    fresh: Mapping[str, NewOccurrence]
    stored: Mapping[str, StoredError]


@dataclass(frozen=True)
class Taken:
    """A report that is stored: now, or before (`duplicate`), with the answer of the first time."""

    error: StoredError
    duplicate: bool


@dataclass(frozen=True)
class Receipt:
    """What became of each report of a request, in its order."""

    items: Sequence[Taken | Refused]
    single: bool


class ErrorIntake:
    """Takes in error reports; what it has answered for is on disk, and so is the alarm that it promised."""

    def __init__(  # noqa: PLR0913 - what the room has around it
        self,
        *,
        database: Database,
        clock: Clock,
        calendar: CalendarFacts,
        limits: SeveritySettings,
        surroundings: Surroundings,
        pseudonym_key: bytes,
        metrics: ErrorMetrics,
        alarms: Alarms,
        rules: Sequence[GroupingRule] = (),
    ) -> None:
        self._rules = rules
        self._database = database
        self._clock = clock
        self._calendar = calendar
        self._limits = limits
        self._surroundings = surroundings
        self._pseudonym_key = pseudonym_key
        self._metrics = metrics
        self._alarms = alarms
        self._together: Together[Batch, Kept] = Together(self._keep)

    def take(self, submission: Submission) -> Receipt:
        """Take in the reports of a request. Raises Unavailable without a database."""
        now = self._clock.now()
        prepared: Batch = {}
        for index, report in enumerate(submission.reports):
            if not isinstance(report, Refused):
                cleaned = clean(report, event_id=uuid.uuid4().hex, now=now, pseudonym_key=self._pseudonym_key)
                prepared[index] = cleaned, fingerprint(cleaned, self._rules)
        kept = self._together.submit(prepared) if prepared else Kept({}, {})
        receipt = Receipt(_receipts(submission.reports, prepared, kept), submission.single)
        self._count(receipt, kept.fresh.values())
        return receipt

    def _keep(self, batches: Sequence[Batch]) -> list[Kept]:
        """Store the reports of several requests in one transaction; returns what became of each request's."""
        now = self._clock.now()
        prepared = [one for batch in batches for one in batch.values()]
        with self._database.write() as transaction:
            stored = store.stored_errors(transaction, (report.event_id for report, _ in prepared))
            judged = self._judged(transaction, _once(prepared, stored), now)
            new = store.add_occurrences(transaction, judged, now)
            fresh = {one.report.event_id: one for one in judged if one.report.event_id in new}
            # Another process may have stored one of them since we looked: it answers, and counts once.
            stored |= store.stored_errors(transaction, [i for i in _ids(judged) if i not in new])
            tally_store.add_tally(transaction, entries_of(_tallied(fresh.values())), now)
            heard = self._heard(transaction, fresh.values(), now)
            urgent = self._alarms.raise_alarms(transaction, self._raised(heard), now)
        if urgent:
            self._alarms.wake()
        return list(_shared_out(batches, fresh, stored))

    def _judged(self, transaction: Transaction, reports: Sequence[Prepared], now: datetime) -> list[NewOccurrence]:
        """Find the group of each report and judge it by the calendar and by how many users the group has hit."""
        found = find_groups(transaction, reports, now)
        groups = {key: standing.group for key, standing in found.items()}
        seen = [(groups[print_.key], report.user) for report, print_ in reports if report.user is not None]
        store.see_users(transaction, seen, now)
        users = store.count_users(transaction, groups.values(), now - USERS_WINDOW)
        calendar = self._calendar(now)
        judged = []
        for report, print_ in reports:
            decision = judge(
                report,
                affected_users=users[groups[print_.key]],
                hours_to_affected_wedding=self._nearness(report, now),
                calendar=calendar,
                surroundings=self._surroundings,
                limits=self._limits,
            )
            alarming = is_alarming(decision.severity)
            judged.append(
                NewOccurrence(
                    report, with_groups_name(print_, found[print_.key]), groups[print_.key], decision, alarming
                )
            )
        return judged

    def _nearness(self, report: CleanReport, now: datetime) -> float | None:
        wedding, hours_to = wedding_of(report), self._surroundings.hours_to_wedding
        return hours_to(wedding, now) if wedding and hours_to else None

    def _heard(
        self, transaction: Transaction, occurrences: Iterable[NewOccurrence], now: datetime
    ) -> list[NewOccurrence]:
        """Return the alarming ones but those of groups that a person has muted."""
        alarming = [one for one in occurrences if one.alarming]
        if not alarming:
            return []
        roots = life_store.roots_of(transaction, (one.group_id for one in alarming))
        lives = life_store.lives_of(transaction, roots.values())
        return [
            one
            for one in alarming
            if (row := lives.get(roots[one.group_id])) is None or not hushed(row.life, one.decision.severity.rank, now)
        ]

    def _raised(self, occurrences: Iterable[NewOccurrence]) -> list[tuple[Alarm, int]]:
        """Return one alarm for each group and region among the alarming ones, the gravest, with their number."""
        alarms: dict[tuple[str, str], tuple[Alarm, int]] = {}
        for one in occurrences:
            if one.alarming:
                alarm = alarm_of(one.report, one.fingerprint, one.decision, self._surroundings)
                known, errors = alarms.get((alarm.group_key, alarm.region), (alarm, 0))
                graver = alarm if alarm.severity_rank > known.severity_rank else known
                alarms[alarm.group_key, alarm.region] = graver, errors + 1
        return list(alarms.values())

    def _count(self, receipt: Receipt, fresh: Iterable[NewOccurrence]) -> None:
        for one in fresh:
            service = self._surroundings.service_label(one.report.service)
            self._metrics.errors.labels(one.report.level, service, one.decision.severity.value).inc()
        refused = sum(isinstance(item, Refused) for item in receipt.items)
        if refused:
            self._metrics.refused.labels("invalid").inc(refused)


def _once(prepared: Iterable[Prepared], stored: Mapping[str, StoredError]) -> list[Prepared]:
    """Return the reports to be stored, in the order of their groups so that two requests never lock crosswise."""
    first = {report.event_id: (report, print_) for report, print_ in reversed(list(prepared))}
    return sorted((one for key, one in first.items() if key not in stored), key=lambda one: one[1].key)


def _tallied(occurrences: Iterable[NewOccurrence]) -> list[Judged]:
    return [Judged(one.report, one.group_id, one.decision) for one in occurrences]


def _ids(occurrences: Iterable[NewOccurrence]) -> list[str]:
    return [one.report.event_id for one in occurrences]


def _shared_out(
    batches: Sequence[Batch], fresh: Mapping[str, NewOccurrence], stored: Mapping[str, StoredError]
) -> Iterator[Kept]:
    """Give each request what became of its reports; an event that two of them sent is fresh in the first."""
    left = dict(fresh)
    for batch in batches:
        ids = {report.event_id for report, _ in batch.values()}
        own = {event_id: left.pop(event_id) for event_id in ids if event_id in left}
        before = {i: stored[i] if i in stored else _stored(fresh[i]) for i in ids - own.keys()}
        yield Kept(own, before)


def _receipts(
    reports: Sequence[Any],
    prepared: Mapping[int, Prepared],
    kept: Kept,
) -> list[Taken | Refused]:
    items: list[Taken | Refused] = []
    answered: set[str] = set()
    for index, report in enumerate(reports):
        if isinstance(report, Refused):
            items.append(report)
            continue
        event_id = prepared[index][0].event_id
        one = kept.fresh.get(event_id)
        error = _stored(one) if one is not None else kept.stored[event_id]
        items.append(Taken(error, duplicate=one is None or event_id in answered))
        answered.add(event_id)
    return items


def _stored(one: NewOccurrence) -> StoredError:
    decision = one.decision
    return StoredError(one.report.event_id, one.group_id, decision.severity.value, one.alarming, decision.as_json())
