"""Rows of the lives of groups: their states and turns, what was merged into what, and the answers already given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from exporters.errors.life import Life, Resolution, State, Turn
from exporters.errors.recovery import Place, Silence
from exporters.schema import ERROR_ANSWERS as ANSWERS
from exporters.schema import ERROR_GROUP_LIVES as LIVES
from exporters.schema import ERROR_GROUP_TURNS as TURNS
from exporters.schema import ERROR_GROUPING_KEYS as KEYS
from exporters.schema import ERROR_GROUPS as GROUPS
from exporters.schema import ERROR_OCCURRENCES as OCCURRENCES
from wedsync_core.storage import upsert

LATEST = 10
"""Occurrences that tell where a group happens and how often."""
SAME_TURNS = 100

UNRESOLVED = (State.NEW.value, State.ONGOING.value, State.ESCALATING.value, State.REGRESSED.value)


@dataclass(frozen=True)
class LifeRow:
    """The life of a group as it is kept."""

    group_id: int
    life: Life
    merged_into: int | None
    evidence: Mapping[str, Any] | None


@dataclass(frozen=True)
class TurnRow:
    """One turn in the life of a group, to be kept. `by` is a person's name or `monitoring`."""

    group_id: int
    turn: Turn
    by: str
    reason: str
    detail: Mapping[str, Any]


def lives_of(connection: Connection, groups: Iterable[int]) -> dict[int, LifeRow]:
    """Return the lives of these groups, as far as they have begun."""
    query = select(LIVES).where(LIVES.c.group_id.in_(sorted(set(groups))))
    return {row.group_id: _life_row(row) for row in connection.execute(query)}


def hold(connection: Connection, groups: Iterable[int]) -> dict[int, Row[Any]]:
    """Lock these groups, in the order of their ids, and return those that exist."""
    query = select(GROUPS).where(GROUPS.c.id.in_(sorted(set(groups)))).order_by(GROUPS.c.id).with_for_update()
    return {row.id: row for row in connection.execute(query)}


def begin(connection: Connection, groups: Mapping[int, Life]) -> set[int]:
    """Begin the lives of groups that have none; returns those that were begun now."""
    rows = [{"group_id": group, **_columns(life)} for group, life in sorted(groups.items())]
    if not rows:
        return set()
    statement = upsert(connection, LIVES).on_conflict_do_nothing().returning(LIVES.c.group_id)
    return set(connection.execute(statement, rows).scalars())


def live_on(connection: Connection, group: int, life: Life, **more: Any) -> None:
    """Keep the life of a group; `more` are other columns of its row."""
    values = _columns(life) | more
    statement = upsert(connection, LIVES).values(group_id=group, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["group_id"], set_=values))


def keep_evidence(connection: Connection, group: int, evidence: Mapping[str, Any]) -> None:
    """Keep what the last look for a recovery found."""
    connection.execute(update(LIVES).where(LIVES.c.group_id == group).values(evidence=dict(evidence)))


def add_turns(connection: Connection, turns: Iterable[TurnRow], now: datetime) -> None:
    """Write down what happened."""
    rows = [
        {
            "group_id": one.group_id,
            "at": now,
            "turn": one.turn.value,
            "by": one.by[:100],
            "reason": one.reason,
            "detail": dict(one.detail),
        }
        for one in turns
    ]
    if rows:
        connection.execute(insert(TURNS), rows)


def turns_of(connection: Connection, groups: Iterable[int]) -> list[Row[Any]]:
    """Return the turns of these groups, the latest first."""
    query = select(TURNS).where(TURNS.c.group_id.in_(list(groups))).order_by(TURNS.c.id.desc()).limit(SAME_TURNS)
    return list(connection.execute(query))


def roots_of(connection: Connection, groups: Iterable[int]) -> dict[int, int]:
    """Return the group that stands for each: itself, or the one it was merged into. Never a chain: see `merge`."""
    wanted = sorted(set(groups))
    query = select(LIVES.c.group_id, LIVES.c.merged_into).where(
        LIVES.c.group_id.in_(wanted), LIVES.c.merged_into.is_not(None)
    )
    merged = {int(group): int(root) for group, root in connection.execute(query)}
    return {group: merged.get(group, group) for group in wanted}


def members_of(connection: Connection, roots: Iterable[int]) -> dict[int, list[int]]:
    """Return each group with those that were merged into it, itself first."""
    found = {root: [root] for root in sorted(set(roots))}
    query = select(LIVES.c.merged_into, LIVES.c.group_id).where(LIVES.c.merged_into.in_(list(found)))
    for root, group in connection.execute(query.order_by(LIVES.c.group_id)):
        found[root].append(int(group))
    return found


def merge(connection: Connection, groups: Iterable[int], into: int, now: datetime) -> None:
    """Let one group stand for others, and for all that had been merged into them."""
    merged = Life(State.MERGED, now)
    all_of_them = [member for members in members_of(connection, groups).values() for member in members]
    for group in sorted({*all_of_them} - {into}):
        live_on(connection, group, merged, merged_into=into)


def group_keys(connection: Connection, groups: Iterable[int]) -> list[str]:
    """Return every key that leads to these groups: alarms are known by the key of the report that raised them."""
    wanted = list(groups)
    own = select(GROUPS.c.fingerprint).where(GROUPS.c.id.in_(wanted))
    pointing = select(KEYS.c.key).where(KEYS.c.group_id.in_(wanted))
    return sorted({*connection.execute(own).scalars(), *connection.execute(pointing).scalars()})


def active(connection: Connection, since: datetime, limit: int) -> list[Row[Any]]:
    """Return id, first_seen_at and occurrences of the groups seen since then, and of those that escalate."""
    seen = select(GROUPS.c.id).where(GROUPS.c.last_seen_at >= since).order_by(GROUPS.c.last_seen_at.desc()).limit(limit)
    rising = select(LIVES.c.group_id).where(LIVES.c.state == State.ESCALATING.value)
    query = select(GROUPS.c.id, GROUPS.c.first_seen_at, GROUPS.c.occurrences).where(
        or_(GROUPS.c.id.in_(seen), GROUPS.c.id.in_(rising))
    )
    return list(connection.execute(query))


def no_longer_news(connection: Connection, before: datetime, limit: int) -> list[int]:
    """Return groups that are new, or came back, since before then."""
    query = select(LIVES.c.group_id).where(
        LIVES.c.state.in_((State.NEW.value, State.REGRESSED.value)), LIVES.c.since <= before
    )
    return list(connection.execute(query.order_by(LIVES.c.group_id).limit(limit)).scalars())


def muted(connection: Connection, limit: int) -> list[int]:
    """Return muted groups that have an end to wait for."""
    query = select(LIVES.c.group_id).where(
        LIVES.c.state == State.MUTED.value,
        or_(LIVES.c.muted_until.is_not(None), LIVES.c.muted_errors.is_not(None), LIVES.c.muted_users.is_not(None)),
    )
    return list(connection.execute(query.order_by(LIVES.c.group_id).limit(limit)).scalars())


def silent(connection: Connection, *, after: int, since: datetime, before: datetime, limit: int) -> list[Row[Any]]:
    """Return id and last_seen_at of unresolved groups last seen in a span, in the order of ids above `after`."""
    query = (
        select(GROUPS.c.id, GROUPS.c.last_seen_at)
        .join(LIVES, LIVES.c.group_id == GROUPS.c.id)
        .where(
            LIVES.c.state.in_(UNRESOLVED),
            LIVES.c.merged_into.is_(None),
            GROUPS.c.last_seen_at.between(since, before),
            GROUPS.c.id > after,
        )
    )
    return list(connection.execute(query.order_by(GROUPS.c.id).limit(limit)))


def whereabouts(connection: Connection, groups: Sequence[int], last_seen_at: datetime) -> tuple[list[Place], Silence]:
    """Return where a group's latest errors happened, and how often they come."""
    query = (
        select(
            OCCURRENCES.c.received_at,
            OCCURRENCES.c.service,
            OCCURRENCES.c.route,
            OCCURRENCES.c.region,
            OCCURRENCES.c.decision,
        )
        .where(OCCURRENCES.c.group_id.in_(list(groups)))
        .order_by(OCCURRENCES.c.id.desc())
        .limit(LATEST)
    )
    rows = connection.execute(query).all()
    places = {
        Place(row.service, row.route, row.region, tuple(row.decision.get("inputs", {}).get("affects", ())))
        for row in rows
    }
    moments = [row.received_at for row in rows]
    gap = (max(moments) - min(moments)) / (len(moments) - 1) if len(moments) > 1 else last_seen_at - last_seen_at
    return sorted(places), Silence(max([last_seen_at, *moments]), gap)


def totals(connection: Connection, groups: Iterable[int]) -> tuple[int, datetime | None, datetime | None]:
    """Return the errors of some groups together, and when the first and the last of them came."""
    query = select(
        func.sum(GROUPS.c.occurrences), func.min(GROUPS.c.first_seen_at), func.max(GROUPS.c.last_seen_at)
    ).where(GROUPS.c.id.in_(list(groups)))
    errors, first, last = connection.execute(query).one()
    return int(errors or 0), first, last


def first_seen_of(connection: Connection, groups: Iterable[int]) -> dict[int, datetime]:
    """Return when each group was first seen."""
    query = select(GROUPS.c.id, GROUPS.c.first_seen_at).where(GROUPS.c.id.in_(list(groups)))
    return {row.id: row.first_seen_at for row in connection.execute(query)}


def groups_of(connection: Connection, groups: Iterable[int]) -> dict[int, Row[Any]]:
    """Return these groups."""
    return {row.id: row for row in connection.execute(select(GROUPS).where(GROUPS.c.id.in_(sorted(set(groups)))))}


def begun_since(connection: Connection, since: datetime, limit: int) -> list[int]:
    """Return the groups first seen since then, the most frequent first."""
    query = select(GROUPS.c.id).where(GROUPS.c.first_seen_at >= since, GROUPS.c.last_seen_at >= since)
    return list(connection.execute(query.order_by(GROUPS.c.occurrences.desc(), GROUPS.c.id).limit(limit)).scalars())


def turns_since(connection: Connection, since: datetime, limit: int) -> list[Row[Any]]:
    """Return the latest turns of all groups since then."""
    query = select(TURNS).where(TURNS.c.at >= since).order_by(TURNS.c.id.desc()).limit(limit)
    return list(connection.execute(query))


def count_states(connection: Connection) -> dict[str, int]:
    """Return how many groups are in each state."""
    query = select(LIVES.c.state, func.count()).group_by(LIVES.c.state)
    return {str(state): int(count) for state, count in connection.execute(query)}


def hold_key(connection: Connection, operation: str, key: str) -> None:
    """Let nobody else answer the same write until the transaction ends. SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{operation} {key}", 0))))


def recall_answer(connection: Connection, operation: str, key: str) -> tuple[str, Any] | None:
    """Return the digest and the answer of an earlier write with this key."""
    query = select(ANSWERS.c.digest, ANSWERS.c.answer).where(
        and_(ANSWERS.c.operation == operation, ANSWERS.c.key == key)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.digest, row.answer)


def keep_answer(connection: Connection, operation: str, key: str, *, digest: str, answer: Any, now: datetime) -> None:
    """Remember an answer."""
    connection.execute(insert(ANSWERS).values(operation=operation, key=key, digest=digest, answer=answer, at=now))


def forget_answers(connection: Connection, before: datetime) -> int:
    """Forget answers given before then; returns how many."""
    return connection.execute(delete(ANSWERS).where(ANSWERS.c.at < before)).rowcount


def _columns(life: Life) -> dict[str, Any]:
    return {
        "state": life.state.value,
        "since": life.since,
        "resolved_at": life.resolved_at,
        "resolution": life.resolution.value,
        "release": life.release,
        "muted_until": life.muted_until,
        "muted_errors": life.muted_errors,
        "muted_users": life.muted_users,
        "muted_rank": life.muted_rank,
    }


def _life_row(row: Row[Any]) -> LifeRow:
    life = Life(
        State(row.state),
        row.since,
        row.resolved_at,
        Resolution(row.resolution),
        row.release,
        row.muted_until,
        row.muted_errors,
        row.muted_users,
        row.muted_rank,
    )
    return LifeRow(row.group_id, life, row.merged_into, row.evidence)
