"""Rows of alarms: raised in the transaction that stores their error, claimed with a lease, advanced under a fence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, or_, select, tuple_, update
from sqlalchemy.engine import Connection

from exporters.alarm.contract import Alarm
from exporters.alarm.decision import AlarmRow, State, on_errors, opened, over
from exporters.schema import ALARMS
from wedsync_core.storage import upsert

LEASE = timedelta(seconds=20)
"""How long a claimed alarm may stay unposted before another process claims it: longer than every timeout of a post."""

_LIVE = (State.ACTIVE.value, State.QUARANTINED.value)


@dataclass(frozen=True)
class Claimed:
    """An alarm that this process alone looks after until its lease ends, or until an error changes it."""

    alarm_id: int
    fence: int
    row: AlarmRow


def raise_alarms(connection: Connection, alarms: Iterable[tuple[Alarm, int]], now: datetime) -> bool:
    """Note alarms with the number of their errors; returns whether any is to be posted at once.

    One call must not hold the same group and region twice. Rows are taken in the order of their keys, so that two
    requests never wait for each other's.
    """
    wanted = {(alarm.group_key, alarm.region): (alarm, errors) for alarm, errors in alarms}
    if not wanted:
        return False
    known = _held(connection, wanted)
    missing = sorted(wanted.keys() - known.keys())
    new = {key for key in missing if _open(connection, opened(*wanted[key], now))}
    # Another process may open an alarm between our look and our write: it is there now, and our errors are more of it.
    known.update(_held(connection, set(missing) - new))
    urgent = bool(new)
    for key in sorted(known):
        row, due_now = on_errors(_alarm_row(known[key]), *wanted[key], now)
        _change(connection, known[key].id, row, due_now=due_now)
        urgent = urgent or due_now
    return urgent


def claim(connection: Connection, now: datetime, limit: int) -> list[Claimed]:
    """Take live alarms whose time has come, and those whose poster died with the lease, the gravest first."""
    query = (
        select(ALARMS)
        .where(
            ALARMS.c.state.in_(_LIVE),
            ALARMS.c.next_at <= now,
            or_(ALARMS.c.lease_until.is_(None), ALARMS.c.lease_until <= now),
        )
        .order_by(ALARMS.c.severity_rank.desc(), ALARMS.c.next_at, ALARMS.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(query).all()
    if rows:
        connection.execute(
            update(ALARMS)
            .where(ALARMS.c.id.in_([row.id for row in rows]))
            .values(lease_until=now + LEASE, fence=ALARMS.c.fence + 1)
        )
    return [Claimed(row.id, row.fence + 1, _alarm_row(row)) for row in rows]


def any_due(connection: Connection, now: datetime) -> bool:
    """Tell, without locking anything, whether `claim` could find something."""
    query = select(ALARMS.c.id).where(ALARMS.c.state.in_(_LIVE), ALARMS.c.next_at <= now).limit(1)
    return connection.execute(query).first() is not None


def advance(connection: Connection, claimed: Claimed, row: AlarmRow) -> bool:
    """Record what followed a claim; False when an error or another process changed the alarm meanwhile."""
    statement = (
        update(ALARMS)
        .where(ALARMS.c.id == claimed.alarm_id, ALARMS.c.fence == claimed.fence)
        .values(
            state=row.state.value,
            untaken_since=row.untaken_since,
            round_at=row.round_at,
            outstanding=list(row.outstanding),
            attempts=row.attempts,
            next_at=row.next_at,
            last_problem=row.last_problem,
            over_at=row.over_at,
            lease_until=None,
        )
    )
    return connection.execute(statement).rowcount == 1


def end(connection: Connection, group_keys: Iterable[str], now: datetime) -> int:
    """Mark the live alarms of these groups as over, to be told at once; returns how many."""
    query = (
        select(ALARMS)
        .where(ALARMS.c.group_key.in_(sorted(set(group_keys))), ALARMS.c.state.in_(_LIVE), ALARMS.c.over_at.is_(None))
        .order_by(ALARMS.c.group_key, ALARMS.c.region)
        .with_for_update()
    )
    rows = connection.execute(query).all()
    for row in rows:
        _change(connection, row.id, over(_alarm_row(row), now), due_now=True)
    return len(rows)


def silent(connection: Connection, before: datetime, limit: int) -> list[tuple[str, str]]:
    """Return the group key and region of live alarms without an error since then."""
    query = select(ALARMS.c.group_key, ALARMS.c.region).where(
        ALARMS.c.state.in_(_LIVE), ALARMS.c.over_at.is_(None), ALARMS.c.last_error_at < before
    )
    return [(row.group_key, row.region) for row in connection.execute(query.order_by(ALARMS.c.id).limit(limit))]


def standing(connection: Connection) -> tuple[int, datetime | None]:
    """Return how many alarms are live, and since when the oldest of them has been taken by no Alertmanager."""
    query = select(func.count(), func.min(ALARMS.c.untaken_since)).where(ALARMS.c.state.in_(_LIVE))
    count, oldest = connection.execute(query).one()
    return int(count), oldest


def _held(connection: Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Row[Any]]:
    pairs = sorted(keys)
    if not pairs:
        return {}
    query = (
        select(ALARMS)
        .where(tuple_(ALARMS.c.group_key, ALARMS.c.region).in_(pairs))
        .order_by(ALARMS.c.group_key, ALARMS.c.region)
        .with_for_update()
    )
    return {(row.group_key, row.region): row for row in connection.execute(query)}


def _open(connection: Connection, row: AlarmRow) -> bool:
    statement = (
        upsert(connection, ALARMS).values(_columns(row) | {"fence": 0}).on_conflict_do_nothing().returning(ALARMS.c.id)
    )
    # Not by row count: PostgreSQL's driver does not give one for an insert.
    return connection.execute(statement).first() is not None


def _change(connection: Connection, alarm_id: int, row: AlarmRow, *, due_now: bool) -> None:
    values = _columns(row) if due_now else {"last_error_at": row.last_error_at, "errors": row.errors}
    if due_now:
        # A post under way carries the old labels: its fence is broken, so that it cannot mark the new ones as taken.
        values |= {"fence": ALARMS.c.fence + 1, "lease_until": None}
    connection.execute(update(ALARMS).where(ALARMS.c.id == alarm_id).values(values))


def _columns(row: AlarmRow) -> dict[str, Any]:
    return {
        "group_key": row.group_key,
        "region": row.region,
        "state": row.state.value,
        "labels": dict(row.labels),
        "annotations": dict(row.annotations),
        "severity_rank": row.severity_rank,
        "starts_at": row.starts_at,
        "last_error_at": row.last_error_at,
        "errors": row.errors,
        "untaken_since": row.untaken_since,
        "round_at": row.round_at,
        "outstanding": list(row.outstanding),
        "attempts": row.attempts,
        "next_at": row.next_at,
        "last_problem": row.last_problem,
        "over_at": row.over_at,
    }


def _alarm_row(row: Row[Any]) -> AlarmRow:
    fields: dict[str, Any] = {name: getattr(row, name) for name in _FIELDS}
    return AlarmRow(**fields | {"state": State(row.state), "outstanding": tuple(row.outstanding)})


_FIELDS = (
    *("group_key", "region", "labels", "annotations", "severity_rank", "starts_at", "last_error_at", "errors"),
    *("untaken_since", "round_at", "attempts", "next_at", "last_problem", "over_at"),
)
