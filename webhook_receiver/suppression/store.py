"""Rows of maintenance windows, and of the incidents that are held asleep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, or_, select, update
from sqlalchemy.engine import Connection

from webhook_receiver.incidents.incident import Status
from webhook_receiver.schema import EPISODES, INCIDENTS, MAINTENANCE
from webhook_receiver.suppression.rules import RULE, WINDOW

# Asked for every incident that opens: built once.
_OPEN_WINDOWS = select(MAINTENANCE).where(
    MAINTENANCE.c.starts_at <= bindparam("now"),
    MAINTENANCE.c.ends_at > bindparam("now"),
    MAINTENANCE.c.cancelled_at.is_(None),
)


def insert_window(connection: Connection, values: Mapping[str, Any]) -> Row[Any]:
    """Write a window; returns its row."""
    return connection.execute(insert(MAINTENANCE).values(values).returning(MAINTENANCE)).one()


def find_window(connection: Connection, window_id: int) -> Row[Any] | None:
    """Return a window, held against others until the transaction ends."""
    return connection.execute(select(MAINTENANCE).where(MAINTENANCE.c.id == window_id).with_for_update()).one_or_none()


def cancel_window(connection: Connection, window_id: int, now: datetime) -> None:
    """End a window before its time."""
    connection.execute(update(MAINTENANCE).where(MAINTENANCE.c.id == window_id).values(cancelled_at=now))


def open_windows(connection: Connection, now: datetime) -> Sequence[Row[Any]]:
    """Return the windows that are open."""
    return connection.execute(_OPEN_WINDOWS, {"now": now}).all()


def latest_windows(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Return windows, the last to end first."""
    query = select(MAINTENANCE).order_by(MAINTENANCE.c.ends_at.desc(), MAINTENANCE.c.id.desc()).limit(limit)
    return connection.execute(query).all()


def any_asleep(connection: Connection) -> bool:
    """Return whether any open incident is held asleep."""
    return connection.execute(select(INCIDENTS.c.id).where(_ASLEEP).limit(1)).first() is not None


def asleep(
    connection: Connection,
    *,
    after: int,
    limit: int | None,
    due: datetime | None = None,
    changed_since: datetime | None = None,
) -> Sequence[Row[Any]]:
    """Return open incidents that are held asleep, numbered above ``after``, taken by nobody else.

    ``due``: only those whose sleep ends by then. ``changed_since``: only those with news since then.
    """
    query = select(INCIDENTS).where(_ASLEEP, INCIDENTS.c.id > after)
    if due is not None:
        query = query.where(INCIDENTS.c.next_escalation_at <= due)
    if changed_since is not None:
        joined = select(EPISODES.c.id).where(
            EPISODES.c.incident_id == INCIDENTS.c.id, EPISODES.c.first_seen_at >= changed_since
        )
        query = query.where(or_(INCIDENTS.c.updated_at >= changed_since, joined.exists()))
    return connection.execute(query.order_by(INCIDENTS.c.id).limit(limit).with_for_update(skip_locked=True)).all()


def firing_labels(connection: Connection, incident_ids: Iterable[int]) -> dict[int, list[Mapping[str, str]]]:
    """Return the labels of the alerts that fire in each incident."""
    query = select(EPISODES.c.incident_id, EPISODES.c.labels).where(
        EPISODES.c.incident_id.in_(list(incident_ids)), EPISODES.c.state == "firing"
    )
    found: dict[int, list[Mapping[str, str]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.incident_id, []).append(row.labels)
    return found


def firing_incidents(connection: Connection, fingerprints: Iterable[str]) -> dict[int, list[str]]:
    """Return the incidents that alerts firing now belong to, with their fingerprints."""
    query = select(EPISODES.c.incident_id, EPISODES.c.fingerprint).where(
        EPISODES.c.fingerprint.in_(list(fingerprints)),
        EPISODES.c.state == "firing",
        EPISODES.c.incident_id.is_not(None),
    )
    found: dict[int, list[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.incident_id, []).append(row.fingerprint)
    return found


# What Alertmanager holds back is woken by those who ask Alertmanager.
_ASLEEP = (INCIDENTS.c.status == Status.OPEN.value) & INCIDENTS.c.suppressed_by["kind"].as_string().in_([WINDOW, RULE])
