"""Rows that listeners are told of, and the tickets they come with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select
from sqlalchemy.engine import Connection

from webhook_receiver.schema import EVENTS, INCIDENT_SERVICES, INCIDENTS, LIVE_TICKETS

_AFTER = select(EVENTS).where(EVENTS.c.id > bindparam("after")).order_by(EVENTS.c.id).limit(bindparam("limit"))
_NEWEST = select(func.max(EVENTS.c.id))


def events_after(connection: Connection, after: int, limit: int) -> Sequence[Row[Any]]:
    """Return the entries of all logs after a number, in order."""
    return connection.execute(_AFTER, {"after": after, "limit": limit}).all()


def newest_event(connection: Connection) -> int:
    """Return the number of the newest entry of all logs; 0: there is none."""
    return connection.execute(_NEWEST).scalar_one() or 0


def incidents_of(connection: Connection, events: Iterable[Row[Any]]) -> dict[int, Row[Any]]:
    """Return the incidents that log entries belong to, by number."""
    numbers = {event.incident_id for event in events}
    return {row.id: row for row in connection.execute(select(INCIDENTS).where(INCIDENTS.c.id.in_(numbers)))}


def services_of(connection: Connection, events: Iterable[Row[Any]]) -> dict[int, set[str]]:
    """Return the services that the incidents of log entries are about."""
    numbers = {event.incident_id for event in events}
    query = select(INCIDENT_SERVICES.c.incident_id, INCIDENT_SERVICES.c.service).where(
        INCIDENT_SERVICES.c.incident_id.in_(numbers)
    )
    services: dict[int, set[str]] = {number: set() for number in numbers}
    for number, service in connection.execute(query):
        services[number].add(service)
    return services


def add_ticket(connection: Connection, digest: str, role: str, expires_at: datetime) -> None:
    """Keep a ticket that was given out, by its digest."""
    connection.execute(insert(LIVE_TICKETS).values(digest=digest, role=role, expires_at=expires_at))


def use_ticket(connection: Connection, digest: str, now: datetime) -> str | None:
    """Use a ticket up; returns its role, or None: unknown, used before, or too old."""
    statement = (
        delete(LIVE_TICKETS)
        .where(LIVE_TICKETS.c.digest == digest, LIVE_TICKETS.c.expires_at > now)
        .returning(LIVE_TICKETS.c.role)
    )
    return connection.execute(statement).scalar_one_or_none()


def forget_tickets(connection: Connection, now: datetime) -> None:
    """Forget tickets that nobody used in time."""
    connection.execute(delete(LIVE_TICKETS).where(LIVE_TICKETS.c.expires_at <= now))
