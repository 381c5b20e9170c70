"""Rows that all replicas share: the clock, the engine's version, duties that one does alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Interval, cast, delete, func, literal, select, text, true, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from webhook_receiver.engine.moments import ELAPSED, RECENT
from webhook_receiver.schema import ATTEMPTS, ENGINE, INCIDENTS, LEASES, NOTIFICATIONS
from wedsync_core.storage import Database, UtcDateTime, trouble_is_unavailable, upsert

_LIFE = 259_000_003
"""First key of the PostgreSQL advisory locks that replicas hold while they live; the second is their number."""


def database_now(database: Database) -> datetime:
    """Return the database's own clock. PostgreSQL only; raises Unavailable."""
    with database.read() as connection:
        moment: datetime = connection.execute(select(cast(func.clock_timestamp(), UtcDateTime))).scalar_one()
    return moment


def states(connection: Connection, *names: str) -> dict[str, Any]:
    """Return the values of shared facts; an absent one is left out."""
    query = select(ENGINE.c.name, ENGINE.c.value).where(ENGINE.c.name.in_(names))
    return {row.name: row.value for row in connection.execute(query)}


def held_state(connection: Connection, name: str, first: Mapping[str, Any], now: datetime) -> Any:
    """Return a shared fact, held against other replicas until the transaction ends; ``first`` where there is none."""
    connection.execute(
        upsert(connection, ENGINE)
        .values(name=name, value=dict(first), updated_at=now)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    return connection.execute(select(ENGINE.c.value).where(ENGINE.c.name == name).with_for_update()).scalar_one()


def keep_state(connection: Connection, name: str, value: Mapping[str, Any], now: datetime) -> None:
    """Write a shared fact that the caller holds."""
    connection.execute(update(ENGINE).where(ENGINE.c.name == name).values(value=dict(value), updated_at=now))


def shift_elapsed(connection: Connection, by: timedelta, now: datetime) -> None:
    """Move every moment that is compared with a time span; ``now`` is the present after the jump."""
    for column, still in ELAPSED:
        statement = update(column.table).where(column.is_not(None)).values({column: _moved(connection, column, by)})
        connection.execute(statement if still is None else statement.where(still))
    for column in RECENT if by < timedelta() else ():
        ahead = update(column.table).where(column > now).values({column: _moved(connection, column, by)})
        connection.execute(ahead)


def wake_stragglers(connection: Connection, now: datetime) -> int:
    """Make due what was opened by the old clock while it was being set back; returns how many.

    The first step of an incident is due at once: one that lies ahead was written by somebody who did not know yet.
    """
    statement = (
        update(INCIDENTS)
        .where(
            INCIDENTS.c.status == "open",
            INCIDENTS.c.current_escalation_level == 0,
            INCIDENTS.c.suppressed_by.is_(None),
            INCIDENTS.c.next_escalation_at > now,
        )
        .values(next_escalation_at=now)
    )
    return connection.execute(statement).rowcount


def hold_lease(connection: Connection, name: str, holder: str, *, now: datetime, until: datetime) -> bool:
    """Take or renew a duty; returns False while another holds it."""
    statement = upsert(connection, LEASES).values(name=name, holder=holder, until=until)
    taken = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": holder, "until": until},
        where=(LEASES.c.holder == holder) | (LEASES.c.until <= now),
    ).returning(LEASES.c.name)
    return connection.execute(taken).scalar_one_or_none() is not None


def release_leases(connection: Connection, holder: str) -> None:
    """Give every duty of a replica back."""
    connection.execute(delete(LEASES).where(LEASES.c.holder == holder))


class SignOfLife:
    """An advisory lock on a connection that does nothing else. PostgreSQL only."""

    def __init__(self, database: Database, number: int) -> None:
        self._database = database
        self._number = number
        self._connection: Connection | None = None

    def show(self) -> None:
        """Hold the lock, opening another connection where the last one was lost. Raises Unavailable."""
        with trouble_is_unavailable():
            if self._connection is not None:
                try:
                    self._connection.execute(select(literal(1)))
                except DBAPIError:
                    self._connection.invalidate()
                    self._connection.close()
                    self._connection = None
            if self._connection is None:
                connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                if connection.execute(select(func.pg_try_advisory_lock(_LIFE, self._number))).scalar_one():
                    self._connection = connection
                else:
                    # Our lost connection is not yet lost on the server's side: we still count among the living.
                    connection.close()

    def end(self) -> None:
        """Give the lock and the connection back. Raises Unavailable."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with trouble_is_unavailable():
                connection.invalidate()  # closed, not returned to the pool with the lock on it
                connection.close()


def living_replicas(connection: Connection) -> set[int]:
    """Return the numbers of the replicas whose lock is held. PostgreSQL only."""
    query = text(
        "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND classid = :life AND objsubid = 2 AND granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return {int(number) for (number,) in connection.execute(query, {"life": _LIFE})}


def release_claims_of_others(connection: Connection, living: Collection[int], now: datetime) -> int:
    """Let the leases of replicas that are not among the living run out now; returns how many pages that frees."""
    lost = select(ATTEMPTS.c.id).where(
        ATTEMPTS.c.outcome == "sending", ATTEMPTS.c.replica != 0, ATTEMPTS.c.replica.not_in(living)
    )
    return _release(connection, NOTIFICATIONS.c.fence.in_(lost), now)


def release_all_claims(connection: Connection, now: datetime) -> int:
    """Let every lease run out now; returns how many pages that frees. For a process that knows it is alone."""
    return _release(connection, true(), now)


def _release(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    statement = (
        update(NOTIFICATIONS)
        .where(NOTIFICATIONS.c.state == "sending", NOTIFICATIONS.c.lease_until > now, which)
        .values(lease_until=now)
    )
    return connection.execute(statement).rowcount


def _moved(connection: Connection, column: Any, by: timedelta) -> ColumnElement[Any]:
    if connection.dialect.name == "postgresql":
        return column + literal(by, Interval)  # type: ignore[no-any-return]
    # SQLite keeps text; its own arithmetic knows milliseconds, the column's form has six digits.
    return func.strftime("%Y-%m-%d %H:%M:%f", column, f"{by.total_seconds():+.3f} seconds").op("||")("000")
