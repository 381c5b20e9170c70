"""What people do with groups: resolve, reopen, mute, unmute, merge and split them. Each in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from exporters.errors import life_store, tally_store
from exporters.errors.life import Life, Resolution, State, Turn, begun
from exporters.errors.life_store import LifeRow, TurnRow
from exporters.errors.orders import Merging, Muting, Resolving, Splitting
from exporters.errors.releases import newest
from wedsync_core.clock import format_timestamp
from wedsync_core.problems import Conflict, FieldProblem, Invalid, NotFound
from wedsync_core.storage import Transaction


class Alarms(Protocol):
    """What looks after the alarms that errors raised."""

    def end_alarms(self, transaction: Transaction, group_keys: Iterable[str], now: datetime) -> int:
        """Note that the errors of these groups are over; returns how many alarms end by it."""


@dataclass(frozen=True)
class Asked:
    """Which group is meant, who asks, why, and when."""

    group: int
    by: str
    reason: str
    now: datetime


@dataclass(frozen=True)
class Moved:
    """A turn that a person made, the life that follows, and the alarms that end by it."""

    turn: TurnRow
    life: Life
    alarms_ended: int = 0
    groups: tuple[int, ...] = ()


class Moving:
    """Every move holds its groups, looks at their state, and writes down who, when and why."""

    def __init__(self, alarms: Alarms) -> None:
        self._alarms = alarms

    def resolve(self, transaction: Transaction, asked: Asked, order: Resolving) -> Moved:
        """Resolve a group; only one resolved now is over, and its alarms with it. Raises NotFound and Conflict."""
        group, now = asked.group, asked.now
        row, life = self._held(transaction, group)
        if life.state is State.RESOLVED:
            raise Conflict(f"group {group} is resolved already")
        known = tally_store.releases_of(transaction, [row.service]).get(row.service, {})
        release = order.release or newest(known)
        resolved = Life(State.RESOLVED, now, now, Resolution(order.how), release)
        ended = self._end_alarms(transaction, group, now) if resolved.resolution is Resolution.NOW else 0
        detail = {"how": order.how, "release": release or None}
        return self._moved(transaction, asked, resolved, Turn.RESOLVED, detail, ended)

    def reopen(self, transaction: Transaction, asked: Asked) -> Moved:
        """Go on with a resolved group. Raises NotFound and Conflict."""
        group, now = asked.group, asked.now
        _, life = self._held(transaction, group)
        if life.state is not State.RESOLVED:
            raise Conflict(f"group {group} is not resolved; there is nothing to reopen")
        return self._moved(transaction, asked, Life(State.ONGOING, now), Turn.REOPENED)

    def mute(self, transaction: Transaction, asked: Asked, order: Muting) -> Moved:
        """Mute a group; the alarms it has raised are over. Raises NotFound, Conflict and Invalid."""
        group, now = asked.group, asked.now
        if order.until is not None and order.until <= now:
            problem = FieldProblem("until", "must lie in the future")
            raise Invalid("until: must lie in the future", problem)
        row, life = self._held(transaction, group)
        if life.state is State.RESOLVED:
            raise Conflict(f"group {group} is resolved; reopen it before muting it")
        members = life_store.members_of(transaction, [group])[group]
        errors, _, _ = life_store.totals(transaction, members)
        muted = Life(
            State.MUTED,
            now,
            muted_until=order.until,
            muted_errors=None if order.errors is None else errors + order.errors,
            muted_users=order.users,
            muted_rank=row.severity_rank,
        )
        ended = self._end_alarms(transaction, group, now)
        detail = {
            "until": format_timestamp(order.until) if order.until else None,
            "errors": order.errors,
            "users": order.users,
            "graverThan": row.severity,
        }
        return self._moved(transaction, asked, muted, Turn.MUTED, detail, ended)

    def unmute(self, transaction: Transaction, asked: Asked) -> Moved:
        """Hear a muted group again. Raises NotFound and Conflict."""
        group, now = asked.group, asked.now
        row, life = self._held(transaction, group)
        if life.state is not State.MUTED:
            raise Conflict(f"group {group} is not muted")
        heard = replace(begun(row.first_seen_at, now), since=now)
        return self._moved(transaction, asked, heard, Turn.UNMUTED)

    def merge(self, transaction: Transaction, asked: Asked, order: Merging) -> Moved:
        """Let a group stand for others, now and for what comes. Their own counts stay theirs, for a later split.

        Raises NotFound, Conflict and Invalid.
        """
        group, now = asked.group, asked.now
        others = sorted({*order.groups} - {group})
        if not others:
            problem = FieldProblem("groups", "must name groups other than the one they are merged into")
            raise Invalid(f"{problem.field}: {problem.message}", problem)
        rows = life_store.hold(transaction, [group, *others])
        missing = sorted({group, *others} - rows.keys())
        if missing:
            raise NotFound(f"there is no error group {missing[0]}")
        _, life = self._held(transaction, group)
        for other in others:
            self._held(transaction, other)
        life_store.merge(transaction, others, group, now)
        for other in others:
            turn = TurnRow(other, Turn.MERGED, asked.by, asked.reason, {"into": str(group)})
            life_store.add_turns(transaction, [turn], now)
        detail = {"groups": [str(other) for other in others]}
        return self._moved(transaction, asked, life, Turn.MERGED, detail, groups=tuple(others))

    def split(self, transaction: Transaction, asked: Asked, order: Splitting) -> Moved:
        """Let merged groups stand for themselves again, with all that was theirs. Raises NotFound and Conflict."""
        group, now = asked.group, asked.now
        _, life = self._held(transaction, group)
        merged = life_store.members_of(transaction, [group])[group][1:]
        wanted = sorted(set(order.groups)) or merged
        strangers = [one for one in wanted if one not in merged]
        if strangers:
            raise Conflict(f"group {strangers[0]} is not merged into group {group}")
        if not wanted:
            raise Conflict(f"nothing is merged into group {group}")
        rows = life_store.hold(transaction, wanted)
        for one in wanted:
            alone = replace(begun(rows[one].first_seen_at, now), since=now)
            life_store.live_on(transaction, one, alone, merged_into=None)
            turn = TurnRow(one, Turn.SPLIT, asked.by, asked.reason, {"from": str(group)})
            life_store.add_turns(transaction, [turn], now)
        detail = {"groups": [str(one) for one in wanted]}
        return self._moved(transaction, asked, life, Turn.SPLIT, detail, groups=tuple(wanted))

    def _held(self, transaction: Transaction, group: int) -> tuple[Any, Life]:
        row = life_store.hold(transaction, [group]).get(group)
        if row is None:
            raise NotFound(f"there is no error group {group}")
        kept: LifeRow | None = life_store.lives_of(transaction, [group]).get(group)
        if kept is not None and kept.merged_into is not None:
            raise Conflict(f"group {group} is merged into group {kept.merged_into}; ask that one")
        return row, kept.life if kept is not None else begun(row.first_seen_at, row.first_seen_at)

    def _end_alarms(self, transaction: Transaction, group: int, now: datetime) -> int:
        members = life_store.members_of(transaction, [group])[group]
        return self._alarms.end_alarms(transaction, life_store.group_keys(transaction, members), now)

    def _moved(
        self,
        transaction: Transaction,
        asked: Asked,
        life: Life,
        what: Turn,
        detail: Mapping[str, Any] | None = None,
        ended: int = 0,
        groups: tuple[int, ...] = (),
    ) -> Moved:
        turn = TurnRow(asked.group, what, asked.by, asked.reason, detail or {})
        life_store.live_on(transaction, asked.group, life)
        life_store.add_turns(transaction, [turn], asked.now)
        return Moved(turn, life, ended, groups)
