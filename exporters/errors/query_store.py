"""Questions to the stored errors: counts by what they have in common, the latest ones, the groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql import ColumnElement

from exporters.schema import ERROR_GROUPS as GROUPS
from exporters.schema import ERROR_OCCURRENCES as OCCURRENCES
from wedsync_core.severity import Severity

GROUP_BY: Mapping[str, ColumnElement[Any]] = {
    "error_type": OCCURRENCES.c.error_type,
    "severity": OCCURRENCES.c.severity,
    "level": OCCURRENCES.c.level,
    "service": OCCURRENCES.c.service,
    "type": OCCURRENCES.c.type,
    "region": OCCURRENCES.c.region,
    "release": OCCURRENCES.c.release,
    "route": OCCURRENCES.c.route,
    "group": OCCURRENCES.c.group_id,
}
"""What `groupBy` may say."""


@dataclass(frozen=True)
class Range:
    """Errors received from `since` on, up to and with `until`, of one severity or of all."""

    since: datetime
    until: datetime
    severity: Severity | None = None

    @property
    def condition(self) -> ColumnElement[bool]:
        """The rows of the range."""
        within = OCCURRENCES.c.received_at.between(self.since, self.until)
        return within if self.severity is None else and_(within, OCCURRENCES.c.severity == self.severity.value)


def counts_by(connection: Connection, wanted: Range, by: str, limit: int) -> list[Row[Any]]:
    """Return key, severity, errors, users, first and last time for each value of `by`; the most frequent first.

    One row for each key and severity; `limit` keys at most.
    """
    column = GROUP_BY[by]
    keys = select(column).where(wanted.condition).group_by(column).order_by(func.count().desc(), column).limit(limit)
    query = (
        select(
            column.label("key"),
            OCCURRENCES.c.severity,
            func.count().label("errors"),
            func.min(OCCURRENCES.c.received_at).label("first_seen_at"),
            func.max(OCCURRENCES.c.received_at).label("last_seen_at"),
        )
        .where(wanted.condition, column.in_(keys))
        .group_by(column, OCCURRENCES.c.severity)
    )
    return list(connection.execute(query))


def users_by(connection: Connection, wanted: Range, by: str, keys: Sequence[Any]) -> dict[Any, int]:
    """Return how many different users had errors of each key."""
    column = GROUP_BY[by]
    query = (
        select(column.label("key"), func.count(OCCURRENCES.c.user.distinct()).label("users"))
        .where(wanted.condition, column.in_(list(keys)))
        .group_by(column)
    )
    return {row.key: row.users for row in connection.execute(query)}


def total(connection: Connection, wanted: Range) -> int:
    """Return how many errors are in the range."""
    query = select(func.count()).select_from(OCCURRENCES).where(wanted.condition)
    return int(connection.execute(query).scalar_one())


def occurrences(
    connection: Connection, wanted: Range | None, *, limit: int, before: int | None = None, group: int | None = None
) -> list[Row[Any]]:
    """Return the latest errors, the newest first; `before` is the id of the last one already seen."""
    query = select(OCCURRENCES).order_by(OCCURRENCES.c.id.desc()).limit(limit)
    if wanted is not None:
        query = query.where(wanted.condition)
    if group is not None:
        query = query.where(OCCURRENCES.c.group_id == group)
    if before is not None:
        query = query.where(OCCURRENCES.c.id < before)
    return list(connection.execute(query))


def groups(connection: Connection, *, limit: int, before: tuple[datetime, int] | None = None) -> list[Row[Any]]:
    """Return the groups seen last, the latest first; `before` is the time and id of the last one already seen."""
    query = select(GROUPS).order_by(GROUPS.c.last_seen_at.desc(), GROUPS.c.id.desc()).limit(limit)
    if before is not None:
        seen_at, group_id = before
        earlier = or_(GROUPS.c.last_seen_at < seen_at, and_(GROUPS.c.last_seen_at == seen_at, GROUPS.c.id < group_id))
        query = query.where(earlier)
    return list(connection.execute(query))


def find_group(connection: Connection, group_id: int) -> Row[Any] | None:
    """Return a group."""
    return connection.execute(select(GROUPS).where(GROUPS.c.id == group_id)).first()
