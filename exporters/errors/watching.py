"""Looks at the groups every few seconds: which escalate, which are heard again, which have recovered, and by what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from exporters.errors import life_store
from exporters.errors.classification import CalendarFacts, Surroundings
from exporters.errors.counting import MONITORING, heard_again
from exporters.errors.leveling import MOST_ACTIVE, levels
from exporters.errors.life import NEW_FOR, Life, Resolution, State, Turn, aged, on_level
from exporters.errors.life_store import TurnRow
from exporters.errors.recovery import (
    SHORTEST_SILENCE,
    SPANS,
    Finding,
    Place,
    Silence,
    Successes,
    judge_recovery,
)
from exporters.evidence import Ask, EvidenceUnavailable, routes_query, workflows_query
from wedsync_core.season import RegionFacts
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

MOST_SILENT = 100
"""Groups looked at for a recovery in one turn; the next turn goes on behind them."""
RECOVERS_WITHIN = timedelta(days=7)
"""A group that has been silent for longer is not asked about any more: nobody waits for that news."""
GIVEN_UP_AFTER = timedelta(hours=24)
"""A silent alarm without proof of recovery is let go after this, unless a wedding window is open where it is."""
MOST_ALARMS = 500


class Alarms(Protocol):
    """What looks after the alarms that errors raised."""

    def end_alarms(self, transaction: Transaction, group_keys: Iterable[str], now: datetime) -> int:
        """Note that the errors of these groups are over; returns how many alarms end by it."""

    def silent_alarms(self, transaction: Transaction, before: datetime, limit: int) -> list[tuple[str, str]]:
        """Return the group key and region of live alarms without an error since then."""

    def wake(self) -> None:
        """Post what is due: it has been committed."""


class Watching:
    """One look at a time; the keeper decides when."""

    def __init__(
        self,
        *,
        database: Database,
        calendar: CalendarFacts,
        ask: Ask,
        alarms: Alarms,
        surroundings: Surroundings,
    ) -> None:
        self._database = database
        self._calendar = calendar
        self._ask = ask
        self._alarms = alarms
        self._surroundings = surroundings
        self._asked_up_to = 0
        self._log = get_log("errors")
        self._told: str | None = None

    def escalations(self, now: datetime) -> list[TurnRow]:
        """Let groups escalate and calm down, and end being news; returns their turns. Raises Unavailable."""
        with self._database.read() as transaction:
            wanted = [
                (root, told.life, TurnRow(root, told.turn, MONITORING, told.reason, {}))
                for root, one in levels(transaction, now).items()
                if (told := on_level(one.life, one.level, one.age, now)) is not None
            ]
            for group in life_store.no_longer_news(transaction, now - NEW_FOR, MOST_ACTIVE):
                told = aged(life_store.lives_of(transaction, [group])[group].life, now)
                if told is not None and group not in {root for root, _, _ in wanted}:
                    wanted.append((group, told.life, TurnRow(group, told.turn, MONITORING, told.reason, {})))
            waiting = life_store.muted(transaction, MOST_ACTIVE)
        if not wanted and not waiting:
            return []
        with self._database.write() as transaction:
            turns = self._turned(transaction, wanted)
            lives = life_store.lives_of(transaction, waiting)
            turns += heard_again(transaction, [lives[group] for group in sorted(lives)], now)
            life_store.add_turns(transaction, turns, now)
        return turns

    def recoveries(self, now: datetime) -> list[TurnRow]:
        """Find the groups that have recovered, by what Prometheus saw; returns their turns. Raises Unavailable."""
        found = self._silent(now)
        if not found:
            return []
        successes = self._successes()
        facts = self._calendar(now)
        findings = {
            group: judge_recovery(silence, self._known(places), successes, facts, now)
            for group, (places, silence) in found.items()
        }
        turns = []
        ended = 0
        with self._database.write() as transaction:
            held = life_store.hold(transaction, found)
            lives = life_store.lives_of(transaction, held)
            for group, finding in sorted(findings.items()):
                row = lives.get(group)
                # It may have come back, or been resolved by a person, while Prometheus was asked.
                if row is None or row.life.state.value not in life_store.UNRESOLVED:
                    continue
                if held[group].last_seen_at > found[group][1].last_seen_at:
                    continue
                if finding.recovered:
                    turns.append(_recovered(transaction, group, finding, now))
                    members = life_store.members_of(transaction, [group])[group]
                    keys = life_store.group_keys(transaction, members)
                    ended += self._alarms.end_alarms(transaction, keys, now)
                elif row.evidence != finding.as_json():
                    life_store.keep_evidence(transaction, group, finding.as_json())
            life_store.add_turns(transaction, turns, now)
        if ended:
            self._alarms.wake()
        return turns

    def let_go(self, now: datetime) -> int:
        """End alarms that have been silent for a day without proof, where no wedding window is open; returns how many.

        Their groups stay unresolved: nothing is said to have recovered.
        """
        facts = self._calendar(now)
        with self._database.read() as transaction:
            silent = self._alarms.silent_alarms(transaction, now - GIVEN_UP_AFTER, MOST_ALARMS)
        keys = sorted({key for key, region in silent if not _window_open(region, facts)})
        kept = {key for key, region in silent if _window_open(region, facts)}
        keys = [key for key in keys if key not in kept]
        if not keys:
            return 0
        with self._database.write() as transaction:
            ended = self._alarms.end_alarms(transaction, keys, now)
        self._log.warning("alarms_let_go", alarms=ended, reason="silent for a day, without proof of recovery")
        self._alarms.wake()
        return ended

    def _turned(self, transaction: Transaction, wanted: Sequence[tuple[int, Life, TurnRow]]) -> list[TurnRow]:
        """Keep new lives, but for groups that a person has turned meanwhile."""
        life_store.hold(transaction, [root for root, _, _ in wanted])
        lives = life_store.lives_of(transaction, [root for root, _, _ in wanted])
        turns = []
        for root, life, turn in wanted:
            if lives[root].life.state in {State.NEW, State.ONGOING, State.REGRESSED, State.ESCALATING}:
                life_store.live_on(transaction, root, life)
                turns.append(turn)
        return turns

    def _silent(self, now: datetime) -> dict[int, tuple[list[Place], Silence]]:
        with self._database.read() as transaction:
            rows = life_store.silent(
                transaction,
                after=self._asked_up_to,
                since=now - RECOVERS_WITHIN,
                before=now - SHORTEST_SILENCE,
                limit=MOST_SILENT,
            )
            self._asked_up_to = rows[-1].id if len(rows) == MOST_SILENT else 0
            members = life_store.members_of(transaction, [row.id for row in rows])
            found = {}
            for row in rows:
                _, _, last_seen_at = life_store.totals(transaction, members[row.id])
                seen = max(row.last_seen_at, last_seen_at or row.last_seen_at)
                if now - seen >= SHORTEST_SILENCE:
                    found[row.id] = life_store.whereabouts(transaction, members[row.id], seen)
        return found

    def _successes(self) -> dict[timedelta, Successes] | None:
        """Ask once for all groups: two questions a span, however many groups are silent."""
        found = {}
        try:
            for span in SPANS:
                workflows = self._ask(workflows_query(span))
                routes = self._ask(routes_query(span))
                found[span] = Successes(
                    {(labels.get("workflow", ""), labels.get("region", "")): value for labels, value in workflows},
                    {(labels.get("service", ""), labels.get("route", "")): value for labels, value in routes},
                )
        except EvidenceUnavailable as error:
            self._tell(str(error))
            return None
        self._tell(None)
        return found

    def _tell(self, problem: str | None) -> None:
        """Log trouble once, when it comes or changes, and its end."""
        if problem and problem != self._told:
            self._log.warning("no_evidence", problem=problem)
        elif self._told and not problem:
            self._log.info("evidence_again")
        self._told = problem

    def _known(self, places: Sequence[Place]) -> list[Place]:
        """Name the workflows a failing service carries, as severity does, when a report named none."""
        return [
            place if place.affects or place.route else replace(place, affects=self._carried(place.service))
            for place in places
        ]

    def _carried(self, service: str) -> tuple[str, ...]:
        carriers = self._surroundings.service_of_workflow
        return tuple(sorted(workflow for workflow, carrier in carriers.items() if carrier == service))


def _recovered(transaction: Transaction, group: int, finding: Finding, now: datetime) -> TurnRow:
    # Without a release: nothing was mended, so an older release that fails again is news as well.
    life = Life(State.RESOLVED, now, resolved_at=now, resolution=Resolution.RECOVERED)
    life_store.live_on(transaction, group, life, evidence=finding.as_json())
    return TurnRow(group, Turn.RECOVERED, MONITORING, "silent, and seen to work since", finding.as_json())


def _window_open(region: str, facts: Mapping[str, RegionFacts]) -> bool:
    here = [facts[region]] if region in facts else list(facts.values())
    return any(one.is_weekend or one.is_wedding_day or one.weddings_in_progress > 0 for one in here)
