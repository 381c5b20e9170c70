"""Rows of pages: queued in the transaction that decides on them, and withdrawn in the one that makes them needless."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from webhook_receiver.notify.message import Page
from webhook_receiver.notify.rules import LIMIT, Planned
from webhook_receiver.schema import NOTIFICATIONS

_UNFINISHED = ("queued", "sending")
# Built once: building it costs more than running it, and a storm pages about every incident.
_QUEUE = {
    dialect: build(NOTIFICATIONS)
    .on_conflict_do_nothing(index_elements=["idempotency_key"])
    .returning(NOTIFICATIONS.c.id)
    for dialect, build in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def queue(
    connection: Connection,
    planned: Iterable[tuple[str, Planned]],
    *,
    incident_id: int,
    page: Page,
    severity_rank: int,
    now: datetime,
    purpose: str = "page",
) -> int:
    """Write a page to be sent, each way by which a person is told; returns how many had not been queued before.

    Each goes with the name of the chain that it is part of: what the person is told of. Every way makes one page of it.
    """
    rows = [
        {
            "idempotency_key": f"{chain}-{one.way}",
            "chain": chain,
            "position": one.position,
            "incident_id": incident_id,
            "person": one.person,
            "channel": one.channel,
            "address": one.address,
            "message": page.as_json(),
            "severity_rank": severity_rank,
            "state": "queued",
            "attempts": 0,
            "fence": 0,
            "created_at": now,
            "due_at": one.due_at,
            "wanted_at": one.due_at,
            "hold": one.hold,
            "purpose": purpose,
        }
        for chain, one in planned
    ]
    if not rows:
        return 0
    return len(connection.execute(_QUEUE[connection.dialect.name], rows).all())


def cancel(connection: Connection, incident_id: int, now: datetime) -> int:
    """Withdraw the pages of an incident that have not gone out; returns how many.

    One that is on the wire at this moment is withdrawn from retrying; its sender finds the row changed.
    """
    statement = (
        update(NOTIFICATIONS)
        .where(NOTIFICATIONS.c.incident_id == incident_id, NOTIFICATIONS.c.state.in_(_UNFINISHED))
        .values(state="cancelled", finished_at=now, lease_until=None, hold=None)
    )
    return connection.execute(statement).rowcount


def people_told(connection: Connection, incident_id: int) -> list[str]:
    """Return who has been told, or was to be told, of an incident."""
    query = (
        select(NOTIFICATIONS.c.person)
        .where(NOTIFICATIONS.c.incident_id == incident_id)
        .group_by(NOTIFICATIONS.c.person)
        .order_by(func.min(NOTIFICATIONS.c.id))
    )
    return [person for (person,) in connection.execute(query)]


def backlog(connection: Connection, now: datetime) -> tuple[int, datetime | None]:
    """Return how many pages should have gone out and have not, and since when the oldest of them is late.

    A page held by its person's limit is late from the slot it was promised: until then others reach the person.
    """
    wanted = func.coalesce(NOTIFICATIONS.c.wanted_at, NOTIFICATIONS.c.created_at)
    late_from = case((NOTIFICATIONS.c.hold == LIMIT, NOTIFICATIONS.c.due_at), else_=wanted)
    counted = func.count().filter(wanted <= now)
    oldest = func.min(late_from).filter(late_from <= now)
    count, moment = connection.execute(select(counted, oldest).where(NOTIFICATIONS.c.state.in_(_UNFINISHED))).one()
    return int(count), moment
