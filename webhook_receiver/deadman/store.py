"""What is overdue, read from the rows; and the incidents of the receiver's own findings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from webhook_receiver.deadman.findings import OVERDUE, Finding, Kind
from webhook_receiver.incidents.incident import Status
from webhook_receiver.schema import EPISODES, INBOX, INCIDENTS, NOTIFICATIONS
from wedsync_core.severity import Severity

_CRITICAL = Severity.CRITICAL.rank


def unresolved(connection: Connection, dedup_key: str) -> int | None:
    """Return the incident of one of the receiver's own findings that is not over."""
    query = select(INCIDENTS.c.id).where(
        INCIDENTS.c.dedup_key == dedup_key, INCIDENTS.c.status != Status.RESOLVED.value
    )
    return connection.execute(query).scalar_one_or_none()


def last_resolved_at(connection: Connection, dedup_key: str) -> datetime | None:
    """Return when the latest incident of a finding ended."""
    query = select(func.max(INCIDENTS.c.resolved_at)).where(INCIDENTS.c.dedup_key == dedup_key)
    moment: datetime | None = connection.execute(query).scalar()
    return moment


def overdue(connection: Connection, now: datetime) -> list[Finding]:
    """Return everything in the rows that should have happened ``OVERDUE`` ago and has not."""
    late = now - OVERDUE
    found = [
        _incidents(connection, late),
        _pages(connection, late),
        _leases(connection, late),
        _messages(connection, late),
        _stranded(connection, late),
        _unconfirmed(connection, late),
    ]
    return [finding for finding in found if finding.count]


def _incidents(connection: Connection, late: datetime) -> Finding:
    due = and_(INCIDENTS.c.status == Status.OPEN.value, INCIDENTS.c.next_escalation_at < late)
    query = _count(INCIDENTS.c.next_escalation_at, INCIDENTS.c.severity_rank).where(due)
    return _finding(connection, Kind.ESCALATION_OVERDUE, query)


def _pages(connection: Connection, late: datetime) -> Finding:
    due = and_(NOTIFICATIONS.c.state == "queued", NOTIFICATIONS.c.due_at < late)
    query = _count(NOTIFICATIONS.c.due_at, NOTIFICATIONS.c.severity_rank).where(due)
    return _finding(connection, Kind.PAGE_UNSENT, query)


def _leases(connection: Connection, late: datetime) -> Finding:
    lost = and_(NOTIFICATIONS.c.state == "sending", NOTIFICATIONS.c.lease_until < late)
    query = _count(NOTIFICATIONS.c.lease_until, NOTIFICATIONS.c.severity_rank).where(lost)
    return _finding(connection, Kind.LEASE_EXPIRED, query)


def _messages(connection: Connection, late: datetime) -> Finding:
    query = select(func.count(), func.min(INBOX.c.received_at)).where(
        INBOX.c.state == "pending", INBOX.c.received_at < late
    )
    count, since = connection.execute(query).one()
    # Nobody has read them: there may be a critical alert in any.
    return Finding(Kind.MESSAGE_UNPROCESSED, int(count), since)


def _stranded(connection: Connection, late: datetime) -> Finding:
    """Return open incidents that nothing will ever look at; a policy without repeat that has run out is no such."""
    query = select(
        INCIDENTS.c.policy, INCIDENTS.c.current_escalation_level, INCIDENTS.c.severity_rank, INCIDENTS.c.updated_at
    )
    rows = connection.execute(
        query.where(
            INCIDENTS.c.status == Status.OPEN.value,
            INCIDENTS.c.next_escalation_at.is_(None),
            INCIDENTS.c.suppressed_by.is_(None),
            INCIDENTS.c.updated_at < late,
        ).limit(1000)
    ).all()
    stranded = [
        row
        for row in rows
        if row.policy.get("repeat_every") is not None or row.current_escalation_level <= len(row.policy["steps"])
    ]
    since = min((row.updated_at for row in stranded if row.severity_rank >= _CRITICAL), default=None)
    return Finding(Kind.INCIDENT_WITHOUT_NEXT_STEP, len(stranded), since)


def _unconfirmed(connection: Connection, late: datetime) -> Finding:
    query = select(func.count(), func.min(EPISODES.c.confirm_by)).where(
        EPISODES.c.state == "firing", EPISODES.c.incident_id.is_(None), EPISODES.c.confirm_by < late
    )
    count, since = connection.execute(query).one()
    return Finding(Kind.EPISODE_UNCONFIRMED, int(count), since)


def _count(moment: ColumnElement[Any], rank: ColumnElement[Any]) -> Select[int, Any]:
    return select(func.count(), func.min(moment).filter(rank >= _CRITICAL))


def _finding(connection: Connection, kind: Kind, query: Select[int, Any]) -> Finding:
    count, since = connection.execute(query).one()
    return Finding(kind, int(count), since)
