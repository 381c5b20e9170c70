"""Rows of messages, of what was set aside, of Watchdogs, and of how far the sources have been asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from webhook_receiver.schema import ENGINE, INBOX, QUARANTINE, SIGHTINGS
from wedsync_core.clock import format_timestamp
from wedsync_core.storage import upsert

_RECONCILE = "reconcile"


_KEEP = insert(INBOX).returning(INBOX.c.id)
_KEEP_MANY = insert(INBOX).returning(INBOX.c.id, sort_by_parameter_order=True)
_FINISH = update(INBOX).where(INBOX.c.id == bindparam("message"))


def keep_message(
    connection: Connection, body: bytes, now: datetime, state: str = "pending", problem: str | None = None
) -> int:
    """Write a message as it came; returns its number. Its first try at being processed is made at once.

    It stays ``pending`` when it is processed afterwards.
    """
    values = {"received_at": now, "state": state, "body": body, "problem": problem, "tries": 1}
    return int(connection.execute(_KEEP, values).scalar_one())


def finish_message(connection: Connection, inbox_id: int, state: str, problem: str | None = None) -> None:
    """Record that a message has been processed (``done``) or set aside (``quarantined``)."""
    finish_messages(connection, [(inbox_id, state, problem)])


def finish_messages(connection: Connection, messages: Iterable[tuple[int, str, str | None]]) -> None:
    """Record of several messages, by number, state and problem, that they have been processed or set aside."""
    rows = [{"message": number, "state": state, "problem": problem} for number, state, problem in messages]
    if rows:
        connection.execute(_FINISH, rows)


def keep_messages(connection: Connection, bodies: Sequence[bytes], now: datetime) -> list[int]:
    """Write messages as they came, to be processed afterwards; returns their numbers, in the same order."""
    if len(bodies) == 1:
        return [keep_message(connection, bodies[0], now)]
    rows = [{"received_at": now, "state": "pending", "body": body, "problem": None, "tries": 1} for body in bodies]
    return list(connection.execute(_KEEP_MANY, rows).scalars())


def left_over_messages(
    connection: Connection, now: datetime, wait: timedelta, limit: int
) -> list[tuple[int, bytes, int, datetime]]:
    """Return number, body, tries and time of messages that are not processed: their request died, or it failed.

    The n-th try may be made ``wait`` x n x n after the message came. What was tried least comes first: a message that
    kills the process is in nobody's way.
    """
    query = (
        select(INBOX.c.id, INBOX.c.tries, INBOX.c.received_at)
        .where(INBOX.c.state == "pending", INBOX.c.received_at <= now - wait)
        .order_by(INBOX.c.tries, INBOX.c.id)
        .limit(2 * limit)
    )
    due = [row.id for row in connection.execute(query) if row.received_at + wait * row.tries**2 <= now][:limit]
    if not due:
        return []
    whole = select(INBOX).where(INBOX.c.id.in_(due)).order_by(INBOX.c.tries, INBOX.c.id)
    return [(row.id, row.body, row.tries, row.received_at) for row in connection.execute(whole)]


def count_tries(connection: Connection, inbox_ids: Sequence[int]) -> None:
    """Count a try that is about to be made: a message that kills the process must not be tried for ever."""
    connection.execute(update(INBOX).where(INBOX.c.id.in_(inbox_ids)).values(tries=INBOX.c.tries + 1))


def give_back_tries(connection: Connection, inbox_ids: Sequence[int]) -> None:
    """Take back a try that was counted and not made after all."""
    connection.execute(
        update(INBOX).where(INBOX.c.id.in_(inbox_ids), INBOX.c.state == "pending").values(tries=INBOX.c.tries - 1)
    )


def any_pending(connection: Connection, before: datetime) -> bool:
    """Return whether a message kept before a moment has not been processed."""
    query = select(INBOX.c.id).where(INBOX.c.state == "pending", INBOX.c.received_at <= before).limit(1)
    return connection.execute(query).first() is not None


def forget_quarantined(connection: Connection, before: datetime) -> int:
    """Delete what was set aside before a moment: whoever was told has looked by then."""
    aside = select(QUARANTINE.c.inbox_id)
    statement = delete(INBOX).where(
        INBOX.c.received_at < before, (INBOX.c.state == "quarantined") | INBOX.c.id.in_(aside)
    )
    return connection.execute(statement).rowcount


def forget_messages(connection: Connection, before: datetime) -> int:
    """Delete processed messages kept before a moment; quarantined ones stay for a person to read."""
    statement = delete(INBOX).where(
        INBOX.c.state == "done",
        INBOX.c.received_at < before,
        INBOX.c.id.not_in(select(QUARANTINE.c.inbox_id)),
    )
    return connection.execute(statement).rowcount


def quarantine(connection: Connection, inbox_id: int, position: int, problem: str, now: datetime) -> None:
    """Set one alert of a message aside; doing so twice changes nothing."""
    connection.execute(
        upsert(connection, QUARANTINE)
        .values(inbox_id=inbox_id, position=position, problem=problem, quarantined_at=now)
        .on_conflict_do_nothing(index_elements=["inbox_id", "position"])
    )


def quarantined_count(connection: Connection) -> int:
    """Return how many alerts and whole messages are set aside."""
    alerts = connection.execute(select(func.count()).select_from(QUARANTINE)).scalar_one()
    messages = connection.execute(
        select(func.count()).select_from(INBOX).where(INBOX.c.state == "quarantined")
    ).scalar_one()
    return int(alerts) + int(messages)


def see_watchdog(connection: Connection, source: str, now: datetime) -> None:
    """Record a sighting of an always-firing alert."""
    statement = upsert(connection, SIGHTINGS).values(source=source, seen_at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_={"seen_at": now}))


def watchdog_last_seen(connection: Connection) -> datetime | None:
    """Return when the always-firing alert was last seen, from whichever source."""
    moment: datetime | None = connection.execute(select(func.max(SIGHTINGS.c.seen_at))).scalar()
    return moment


def reconcile_state(connection: Connection, *, lock: bool = False) -> dict[str, Any]:
    """Return what is remembered between two passes of reconciliation; empty before the first."""
    query = select(ENGINE.c.value).where(ENGINE.c.name == _RECONCILE)
    found = connection.execute(query.with_for_update() if lock else query).scalar_one_or_none()
    return dict(found or {})


def want_reconciliation(connection: Connection, now: datetime) -> None:
    """Ask for a pass soon, by whichever replica does them."""
    change_reconcile_state(connection, {"wanted_at": format_timestamp(now)}, now)


def change_reconcile_state(connection: Connection, changes: Mapping[str, Any], now: datetime) -> None:
    """Remember something between two passes, beside what is remembered already."""
    first = upsert(connection, ENGINE).values(name=_RECONCILE, value={}, updated_at=now)
    connection.execute(first.on_conflict_do_nothing(index_elements=["name"]))
    value = {**reconcile_state(connection, lock=True), **changes}
    connection.execute(update(ENGINE).where(ENGINE.c.name == _RECONCILE).values(value=value, updated_at=now))
