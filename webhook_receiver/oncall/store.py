"""The rows of overrides."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, or_, select, text, update

from webhook_receiver.oncall.contract import StandIn
from webhook_receiver.oncall.schedule import Override
from webhook_receiver.schema import OVERRIDES
from wedsync_core.storage import Transaction

_T = OVERRIDES.c
MOST_AT_ONCE = 1000
"""Overrides read in one go; a schedule that needs more in a few weeks is written wrongly."""


def add(transaction: Transaction, wanted: StandIn, *, by: str, now: datetime) -> int:
    """Keep an override; return its id."""
    values = {
        "schedule": wanted.schedule,
        "person": wanted.person,
        "replaces": wanted.replaces,
        "starts_at": wanted.starts_at,
        "ends_at": wanted.ends_at,
        "reason": wanted.reason,
        "created_at": now,
        "created_by": by,
    }
    return int(transaction.execute(insert(OVERRIDES).values(**values).returning(_T.id)).scalar_one())


def find(transaction: Transaction, override_id: int) -> Any | None:
    """Return the row, or None."""
    return transaction.execute(select(OVERRIDES).where(_T.id == override_id)).one_or_none()


def find_same(transaction: Transaction, wanted: StandIn) -> Any | None:
    """Return the row of an override that says just this and is not cancelled: a click made twice."""
    same = (
        _T.schedule == wanted.schedule,
        _T.person == wanted.person,
        _T.replaces.is_(None) if wanted.replaces is None else _T.replaces == wanted.replaces,
        _T.starts_at == wanted.starts_at,
        _T.ends_at == wanted.ends_at,
        _T.cancelled_at.is_(None),
    )
    return transaction.execute(select(OVERRIDES).where(*same).order_by(_T.id).limit(1)).one_or_none()


def cancel(transaction: Transaction, override_id: int, now: datetime) -> None:
    """End an override at ``now``; the record stays. Does nothing to one that was cancelled before."""
    transaction.execute(
        update(OVERRIDES).where(_T.id == override_id, _T.cancelled_at.is_(None)).values(cancelled_at=now)
    )


def listed(transaction: Transaction, now: datetime, *, current_only: bool) -> list[Any]:
    """Return the rows, the latest start first; ``current_only`` leaves out what has ended or was cancelled."""
    current = (_T.cancelled_at.is_(None), _T.ends_at > now) if current_only else ()
    wanted = select(OVERRIDES).where(*current).order_by(_T.starts_at.desc(), _T.id.desc()).limit(MOST_AT_ONCE)
    return list(transaction.execute(wanted))


def touching(transaction: Transaction, begin: datetime, end: datetime, schedule: str | None = None) -> list[Override]:
    """Return the overrides that change anything in [begin, end), of one schedule or of all.

    A cancelled override held until it was cancelled: what has been on call is not rewritten.
    """
    fits: list[ColumnElement[bool]] = [
        _T.ends_at > begin,
        _T.starts_at < end,
        or_(_T.cancelled_at.is_(None), _T.cancelled_at > _T.starts_at),
    ]
    if schedule is not None:
        fits.append(_T.schedule == schedule)
    rows = transaction.execute(select(OVERRIDES).where(*fits).order_by(_T.id.desc()).limit(MOST_AT_ONCE))
    return [Override(row.id, row.schedule, row.person, row.replaces, row.starts_at, _end(row)) for row in rows]


def touching_aside(transaction: Transaction, begin: datetime, end: datetime) -> list[Override]:
    """Return the same within somebody's transaction, which goes on unharmed when this raises."""
    if transaction.dialect.name != "postgresql":
        return touching(transaction, begin, end)  # a failed statement costs SQLite's transaction nothing
    aside = transaction.begin_nested()
    try:
        transaction.execute(text("SET LOCAL lock_timeout = '1s'"))
        transaction.execute(text("SET LOCAL statement_timeout = '2s'"))
        return touching(transaction, begin, end)
    finally:
        aside.rollback()  # nothing was written, and the limits end with it


def _end(row: Any) -> datetime:
    ends: datetime = row.ends_at
    return ends if row.cancelled_at is None else min(ends, row.cancelled_at)
