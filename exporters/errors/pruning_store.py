"""What is let go: old rows in small batches, and the middle of storms, so that storage stays flat."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, tuple_
from sqlalchemy.engine import Connection

from exporters.errors.tally import DAY, HOUR, MINUTE
from exporters.schema import ERROR_COUNTS as COUNTS
from exporters.schema import ERROR_GROUP_USERS as GROUP_USERS
from exporters.schema import ERROR_GROUPS as GROUPS
from exporters.schema import ERROR_OCCURRENCES as OCCURRENCES
from exporters.schema import ERROR_TRAITS as TRAITS
from exporters.schema import ERROR_UPLOADS as UPLOADS
from exporters.schema import ERROR_USERS as USERS


def drop_occurrences(connection: Connection, before: datetime, limit: int) -> int:
    """Delete occurrences received before then, the oldest first; returns how many."""
    old = (
        select(OCCURRENCES.c.id)
        .where(OCCURRENCES.c.received_at < before)
        .order_by(OCCURRENCES.c.received_at, OCCURRENCES.c.id)
        .limit(limit)
    )
    return connection.execute(delete(OCCURRENCES).where(OCCURRENCES.c.id.in_(old))).rowcount


def storming(connection: Connection, since: datetime, more_than: int, limit: int) -> list[Row[Any]]:
    """Return id and occurrences of the groups seen since then that have had more than so many errors in all."""
    query = select(GROUPS.c.id, GROUPS.c.occurrences).where(
        GROUPS.c.last_seen_at >= since, GROUPS.c.occurrences > more_than
    )
    return list(connection.execute(query.order_by(GROUPS.c.occurrences.desc()).limit(limit)))


def oldest_of(connection: Connection, group: int, before: datetime, after: int, limit: int) -> list[int]:
    """Return the ids of a group's occurrences above `after` received before then, in their order."""
    query = select(OCCURRENCES.c.id).where(
        OCCURRENCES.c.group_id == group, OCCURRENCES.c.id > after, OCCURRENCES.c.received_at < before
    )
    return list(connection.execute(query.order_by(OCCURRENCES.c.id).limit(limit)).scalars())


def drop(connection: Connection, ids: Iterable[int]) -> int:
    """Delete these occurrences; returns how many."""
    return connection.execute(delete(OCCURRENCES).where(OCCURRENCES.c.id.in_(list(ids)))).rowcount


def drop_counts(connection: Connection, keep_until: dict[int, int], dimension: str, slices: int) -> int:
    """Delete the counts of a dimension that are older than each resolution is kept, some bucket starts at a time."""
    dropped = 0
    for resolution in (MINUTE, HOUR, DAY):
        first = connection.execute(
            select(func.min(COUNTS.c.start)).where(COUNTS.c.dimension == dimension, COUNTS.c.resolution == resolution)
        ).scalar_one()
        if first is None or first >= keep_until[resolution]:
            continue
        statement = delete(COUNTS).where(
            COUNTS.c.dimension == dimension,
            COUNTS.c.resolution == resolution,
            COUNTS.c.start < min(keep_until[resolution], first + slices * resolution),
        )
        dropped += connection.execute(statement).rowcount
    return dropped


def drop_traits(connection: Connection, keep_until: dict[int, int], slices: int) -> int:
    """Delete old traits, some bucket starts at a time."""
    dropped = 0
    for resolution in (HOUR, DAY):
        first = connection.execute(
            select(func.min(TRAITS.c.start)).where(TRAITS.c.resolution == resolution)
        ).scalar_one()
        if first is None or first >= keep_until[resolution]:
            continue
        statement = delete(TRAITS).where(
            TRAITS.c.resolution == resolution,
            TRAITS.c.start < min(keep_until[resolution], first + slices * resolution),
        )
        dropped += connection.execute(statement).rowcount
    return dropped


def drop_users(connection: Connection, dimension: str, before_micros: int, limit: int) -> int:
    """Delete who was not seen since then, of one dimension."""
    key = tuple_(USERS.c.dimension, USERS.c.value, USERS.c.user)
    old = select(USERS.c.dimension, USERS.c.value, USERS.c.user).where(
        USERS.c.dimension == dimension, USERS.c.last_seen < before_micros
    )
    return connection.execute(delete(USERS).where(key.in_(old.limit(limit)))).rowcount


def drop_group_users(connection: Connection, before: datetime, limit: int) -> int:
    """Delete who was not seen since then in the table that severity is judged by."""
    old = select(GROUP_USERS.c.group_id, GROUP_USERS.c.user).where(GROUP_USERS.c.last_seen_at < before).limit(limit)
    key = tuple_(GROUP_USERS.c.group_id, GROUP_USERS.c.user)
    return connection.execute(delete(GROUP_USERS).where(key.in_(old))).rowcount


def drop_recovered(connection: Connection, before: datetime, limit: int) -> int:
    """Delete uploads that have been safe since before then. What is lost is never let go."""
    old = select(UPLOADS.c.upload_id).where(UPLOADS.c.recovered_at < before).limit(limit)
    return connection.execute(delete(UPLOADS).where(UPLOADS.c.upload_id.in_(old))).rowcount
