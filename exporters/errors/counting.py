"""Turns tallies into counts, and arrivals into turns of life: many requests in one transaction, a moment later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from exporters.errors import life_store, tally_store, upload_store
from exporters.errors.life import Arrival, Turn, begun, on_arrival, unmuted
from exporters.errors.life_store import LifeRow, TurnRow
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.tally import Folded, fold, micros
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.severity import Severity
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

BATCH = 200
"""Tallies in one transaction: some tens of milliseconds in which no other writer of a SQLite file gets on."""
READ_PATIENCE_SECONDS = 0.25
"""How long a question waits to have the latest counted first."""
MONITORING = "monitoring"
"""Who does what nobody asked for."""
_SEVERITIES = {severity.rank: severity.value for severity in Severity}


@dataclass
class Counted:
    """What one transaction of counting has done."""

    tallies: int = 0
    turns: list[TurnRow] = field(default_factory=list)
    begun: Counter[tuple[str, str]] = field(default_factory=Counter)
    """New groups by service and severity."""


class Counting:
    """Counts what came in. Several processes may: each tally is taken by one of them, once."""

    def __init__(self, *, database: Database, clock: Clock, metrics: ErrorMetrics, services: Iterable[str]) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._services = frozenset(services)
        self._log = get_log("errors")

    def turn(self, *, within: float | None = None) -> int:
        """Count one batch; returns how many tallies it had. Raises Unavailable."""
        with self._database.read() as transaction:
            if not tally_store.any_waiting(transaction):
                return 0
        now = self._clock.now()
        with self._database.write(within=within) as transaction:
            counted = self._count(transaction, now)
        self.tell(counted.turns)
        for (service, severity), groups in counted.begun.items():
            known = service if service in self._services else "other"
            self._metrics.groups_begun.labels(known, severity).inc(groups)
        return counted.tallies

    def catch_up(self) -> None:
        """Count what waits, so that an answer holds it. A question never fails because counting cannot."""
        try:
            while self.turn(within=READ_PATIENCE_SECONDS) == BATCH:
                pass
        except Unavailable as error:
            self._log.info("counts_lag_behind", problem=error.detail)

    def tell(self, turns: Iterable[TurnRow]) -> None:
        """Count and log turns that are committed."""
        for one in turns:
            self._metrics.turns.labels(one.turn.value).inc()
            self._log.info("error_group_turned", group=one.group_id, turn=one.turn.value, by=one.by, reason=one.reason)

    def _count(self, transaction: Transaction, now: datetime) -> Counted:
        tallies = tally_store.take_tallies(transaction, BATCH)
        folded = fold(tallies)
        if not tallies:
            return Counted()
        releases = tally_store.releases_of(transaction, {service for service, _ in folded.releases})
        tally_store.add_folded(transaction, folded)
        upload_store.note_failures(transaction, folded.uploads)
        counted = Counted(tallies=len(tallies))
        self._live_on(transaction, folded, releases, counted, now)
        life_store.add_turns(transaction, counted.turns, now)
        return counted

    def _live_on(
        self,
        transaction: Transaction,
        folded: Folded,
        releases: Mapping[str, Mapping[str, datetime]],
        counted: Counted,
        now: datetime,
    ) -> None:
        """Let groups begin, come back, and be heard again, by what has come in."""
        came = {group for group, _ in folded.arrivals}
        groups = life_store.hold(transaction, came)
        new = life_store.begin(
            transaction, {group: begun(row.first_seen_at, row.first_seen_at) for group, row in groups.items()}
        )
        for group in sorted(new):
            rank = max(one.severity_rank for (which, _), one in folded.arrivals.items() if which == group)
            counted.begun[groups[group].service, _SEVERITIES[rank]] += 1
        roots = life_store.roots_of(transaction, groups)
        lives = life_store.lives_of(transaction, roots.values())
        for root in sorted(set(roots.values())):
            of_it = {group for group, its in roots.items() if its == root}
            arrivals = [(release, one) for (group, release), one in sorted(folded.arrivals.items()) if group in of_it]
            told = [
                on_arrival(
                    lives[root].life,
                    Arrival(release, one.occurred_at, one.errors, one.severity_rank),
                    releases.get(one.service, {}),
                    now,
                )
                for release, one in arrivals
            ]
            back = next((one for one in told if one is not None), None)
            if back is not None:
                life_store.live_on(transaction, root, back.life, evidence=None)
                counted.turns.append(TurnRow(root, Turn.REGRESSED, MONITORING, back.reason, {}))
            else:
                counted.turns += heard_again(transaction, [lives[root]], now)


def heard_again(transaction: Transaction, lives: Sequence[LifeRow], now: datetime) -> list[TurnRow]:
    """End mutes that are over."""
    turns = []
    for row in lives:
        if row.life.muted_until is None and row.life.muted_errors is None and row.life.muted_users is None:
            continue
        members = life_store.members_of(transaction, [row.group_id])[row.group_id]
        errors, first_seen_at, _ = life_store.totals(transaction, members)
        users = sum(tally_store.users_of_groups(transaction, members, micros(row.life.since)).values())
        told = unmuted(row.life, errors=errors, users=users, first_seen_at=first_seen_at or now, now=now)
        if told is not None:
            life_store.live_on(transaction, row.group_id, told.life)
            turns.append(TurnRow(row.group_id, told.turn, MONITORING, told.reason, {}))
    return turns
