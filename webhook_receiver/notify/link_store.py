"""Rows of acknowledge links that have been used."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.engine import Connection

from webhook_receiver.notify.links import Grant
from webhook_receiver.schema import INCIDENTS, USED_LINKS
from wedsync_core.storage import upsert


def find_use(connection: Connection, link_id: str) -> Row[Any] | None:
    """Return who used a link and when, or None."""
    return connection.execute(select(USED_LINKS).where(USED_LINKS.c.link_id == link_id)).one_or_none()


def use(connection: Connection, grant: Grant, now: datetime) -> bool:
    """Use a link up; returns False when it was used before, by whichever of two clicks came first."""
    statement = (
        upsert(connection, USED_LINKS)
        .values(link_id=grant.link_id, incident_id=grant.incident_id, person=grant.person, used_at=now)
        .on_conflict_do_nothing(index_elements=["link_id"])
        .returning(USED_LINKS.c.link_id)
    )
    return connection.execute(statement).scalar_one_or_none() is not None


def incident_of(connection: Connection, grant: Grant) -> Row[Any] | None:
    """Return the incident a link is about; None if there is none of that number."""
    return connection.execute(select(INCIDENTS).where(INCIDENTS.c.id == grant.incident_id)).one_or_none()
