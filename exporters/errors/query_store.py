"""Questions to the stored errors and groups. What is counted is read from the counts: `tally_store`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql import ColumnElement

from exporters.schema import ERROR_GROUP_LIVES as LIVES
from exporters.schema import ERROR_GROUPS as GROUPS
from exporters.schema import ERROR_OCCURRENCES as OCCURRENCES
from wedsync_core.severity import Severity


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


def occurrences(
    connection: Connection,
    wanted: Range | None,
    *,
    limit: int,
    before: tuple[datetime, int] | None = None,
    groups: Sequence[int] = (),
) -> list[Row[Any]]:
    """Return the latest errors, the newest first; `before` is the time and id of the last one already seen."""
    query = select(OCCURRENCES).limit(limit)
    if groups:
        return list(
            connection.execute(query.where(OCCURRENCES.c.group_id.in_(groups)).order_by(OCCURRENCES.c.id.desc()))
        )
    # By the index on the time of arrival, or on severity and that time: never a sort of all that fits.
    query = query.order_by(OCCURRENCES.c.received_at.desc(), OCCURRENCES.c.id.desc())
    if wanted is not None:
        query = query.where(wanted.condition)
    if before is not None:
        moment, error_id = before
        same = and_(OCCURRENCES.c.received_at == moment, OCCURRENCES.c.id < error_id)
        query = query.where(OCCURRENCES.c.received_at <= moment, or_(OCCURRENCES.c.received_at < moment, same))
    return list(connection.execute(query))


def groups(
    connection: Connection, *, limit: int, before: tuple[datetime, int] | None = None, state: str | None = None
) -> list[Row[Any]]:
    """Return the groups seen last, the latest first; `before` is the time and id of the last one already seen.

    Those that were merged are left to the group that stands for them.
    """
    query = (
        select(GROUPS, LIVES.c.state, LIVES.c.since)
        .outerjoin(LIVES, LIVES.c.group_id == GROUPS.c.id)
        .where(LIVES.c.merged_into.is_(None))
        .order_by(GROUPS.c.last_seen_at.desc(), GROUPS.c.id.desc())
        .limit(limit)
    )
    if state is not None:
        query = query.where(LIVES.c.state == state)
    if before is not None:
        seen_at, group_id = before
        earlier = or_(GROUPS.c.last_seen_at < seen_at, and_(GROUPS.c.last_seen_at == seen_at, GROUPS.c.id < group_id))
        query = query.where(earlier)
    return list(connection.execute(query))


def find_group(connection: Connection, group_id: int) -> Row[Any] | None:
    """Return a group."""
    return connection.execute(select(GROUPS).where(GROUPS.c.id == group_id)).first()


def find_occurrence(connection: Connection, event_id: str) -> Row[Any] | None:
    """Return an error."""
    return connection.execute(select(OCCURRENCES).where(OCCURRENCES.c.event_id == event_id)).first()


def around(connection: Connection, row: Row[Any], window: timedelta, most: int) -> list[Row[Any]]:
    """Return the errors of an error's trace, and those that arrived nearest before and after it within a window."""
    arrived = OCCURRENCES.c.received_at
    found: list[Row[Any]] = []
    if row.trace_id:
        query = select(OCCURRENCES).where(OCCURRENCES.c.trace_id == row.trace_id).order_by(OCCURRENCES.c.id)
        found += connection.execute(query.limit(most))
    before = select(OCCURRENCES).where(arrived.between(row.received_at - window, row.received_at))
    after = select(OCCURRENCES).where(arrived.between(row.received_at, row.received_at + window))
    found += connection.execute(before.order_by(arrived.desc(), OCCURRENCES.c.id.desc()).limit(most))
    found += connection.execute(after.order_by(arrived, OCCURRENCES.c.id).limit(most))
    return found
