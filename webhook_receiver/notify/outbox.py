"""Rows of pages: queued in the transaction that decides on them, claimed with a lease, finished under a fence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from webhook_receiver.notify.message import Page, page_from_json
from webhook_receiver.notify.rules import Planned
from webhook_receiver.schema import INCIDENTS, NOTIFICATIONS

LEASE = timedelta(seconds=30)
"""How long a claimed page may stay unfinished before another claims it. Longer than any channel's timeout."""

_UNFINISHED = ("queued", "sending")


@dataclass(frozen=True)
class Claimed:
    """A page to send now. ``fence`` is the claim's number: a finish under an older one changes nothing."""

    notification_id: int
    incident_id: int
    idempotency_key: str
    person: str
    channel: str
    address: str | None
    page: Page
    attempt: int
    fence: int
    due_at: datetime
    maybe_sent_before: bool


def queue(
    connection: Connection,
    *,
    key: str,
    incident_id: int,
    planned: Planned,
    page: Page,
    severity_rank: int,
    now: datetime,
    purpose: str = "page",
) -> bool:
    """Write a page to be sent; returns False when this very page was queued before."""
    build = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        build(NOTIFICATIONS)
        .values(
            idempotency_key=key,
            incident_id=incident_id,
            person=planned.person,
            channel=planned.channel,
            address=planned.address,
            message=page.as_json(),
            severity_rank=severity_rank,
            state="queued",
            attempts=0,
            fence=0,
            created_at=now,
            due_at=planned.due_at,
            purpose=purpose,
        )
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
        .returning(NOTIFICATIONS.c.id)
    )
    return connection.execute(statement).scalar_one_or_none() is not None


def claim(connection: Connection, now: datetime, limit: int) -> list[Claimed]:
    """Take due pages, and those whose sender died with the lease, the most severe first."""
    due = or_(
        and_(NOTIFICATIONS.c.state == "queued", NOTIFICATIONS.c.due_at <= now),
        and_(NOTIFICATIONS.c.state == "sending", NOTIFICATIONS.c.lease_until <= now),
    )
    query = (
        select(NOTIFICATIONS)
        .where(due)
        .order_by(NOTIFICATIONS.c.severity_rank.desc(), NOTIFICATIONS.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(query).all()
    if rows:
        connection.execute(
            update(NOTIFICATIONS)
            .where(NOTIFICATIONS.c.id.in_([row.id for row in rows]))
            .values(
                state="sending",
                lease_until=now + LEASE,
                attempts=NOTIFICATIONS.c.attempts + 1,
                fence=NOTIFICATIONS.c.fence + 1,
            )
        )
    return [_claimed(row) for row in rows]


def still_wanted(connection: Connection, claimed: Claimed) -> bool:
    """Return whether the page must still go out: claimed by us, and nobody has acknowledged or resolved meanwhile."""
    query = (
        select(func.count())
        .select_from(NOTIFICATIONS.join(INCIDENTS, NOTIFICATIONS.c.incident_id == INCIDENTS.c.id))
        .where(
            NOTIFICATIONS.c.id == claimed.notification_id,
            NOTIFICATIONS.c.fence == claimed.fence,
            NOTIFICATIONS.c.state == "sending",
            # News goes to those who have acknowledged; everything else stops when somebody has.
            or_(
                INCIDENTS.c.status == "open",
                and_(NOTIFICATIONS.c.purpose == "update", INCIDENTS.c.status != "resolved"),
            ),
        )
    )
    return bool(connection.execute(query).scalar_one())


def finish(
    connection: Connection, claimed: Claimed, *, state: str, now: datetime, error: str | None, due_at: datetime | None
) -> bool:
    """Record the outcome of a claim; returns False when the lease was lost to another sender meanwhile."""
    values: dict[str, Any] = {"state": state, "lease_until": None, "last_error": error}
    if due_at is None:
        values["finished_at"] = now
    else:
        values["due_at"] = due_at
    statement = (
        update(NOTIFICATIONS)
        .where(
            NOTIFICATIONS.c.id == claimed.notification_id,
            NOTIFICATIONS.c.fence == claimed.fence,
            NOTIFICATIONS.c.state == "sending",
        )
        .values(values)
    )
    return connection.execute(statement).rowcount == 1


def cancel(connection: Connection, incident_id: int, now: datetime) -> int:
    """Withdraw the pages of an incident that have not gone out; returns how many.

    One that is on the wire at this moment is withdrawn from retrying; its sender finds the row changed.
    """
    statement = (
        update(NOTIFICATIONS)
        .where(NOTIFICATIONS.c.incident_id == incident_id, NOTIFICATIONS.c.state.in_(_UNFINISHED))
        .values(state="cancelled", finished_at=now, lease_until=None)
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


def backlog(connection: Connection) -> tuple[int, datetime | None]:
    """Return how many pages have not gone out, and when the oldest of them was queued."""
    query = select(func.count(), func.min(NOTIFICATIONS.c.created_at)).where(NOTIFICATIONS.c.state.in_(_UNFINISHED))
    count, oldest = connection.execute(query).one()
    return int(count), oldest


def _claimed(row: Row[Any]) -> Claimed:
    message: Mapping[str, Any] = row.message
    return Claimed(
        notification_id=row.id,
        incident_id=row.incident_id,
        idempotency_key=row.idempotency_key,
        person=row.person,
        channel=row.channel,
        address=row.address,
        page=page_from_json(message),
        attempt=row.attempts + 1,
        fence=row.fence + 1,
        due_at=row.created_at,
        maybe_sent_before=row.state == "sending",
    )
