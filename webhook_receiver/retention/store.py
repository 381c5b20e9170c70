"""Old rows that may go: nothing of an incident that is not resolved, nor one that fires, pages or runs anything still.

The newest incident, log entry, page, call and run stay: SQLite would give their numbers to the next ones, and those
are known outside.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, or_, select, tuple_
from sqlalchemy.engine import Connection

from webhook_receiver.schema import (
    ACKNOWLEDGEMENTS,
    ANSWERS,
    ATTEMPTS,
    EPISODES,
    EVENTS,
    INCIDENT_SERVICES,
    INCIDENTS,
    NOTIFICATIONS,
    RUNBOOK_APPROVALS,
    RUNBOOK_LOOKS,
    RUNBOOK_RUNS,
    RUNBOOK_STEPS,
    USED_LINKS,
)

OF_A_RUN: Final = (RUNBOOK_STEPS, RUNBOOK_APPROVALS)
OF_AN_INCIDENT: Final = (
    EVENTS,
    NOTIFICATIONS,
    EPISODES,
    ACKNOWLEDGEMENTS,
    USED_LINKS,
    INCIDENT_SERVICES,
    RUNBOOK_LOOKS,
    RUNBOOK_RUNS,
)
"""What goes with its incident, before it. A test finds the table that refers to incidents and is missing here."""
TABLES: Final = tuple(table.name for table in (INCIDENTS, *OF_AN_INCIDENT, *OF_A_RUN, ATTEMPTS, ANSWERS))
INCIDENTS_TOGETHER: Final = 50
"""Incidents held by one transaction; most have far fewer rows than go in one batch."""

_WAITS = NOTIFICATIONS.c.state.in_(("queued", "sending"))
_FIRES = EPISODES.c.state == "firing"


def drop_incidents(connection: Connection, before: datetime, limit: int) -> Counter[str]:
    """Delete up to ``limit`` rows of incidents resolved before then, the incident last; returns how many, by table."""
    dropped: Counter[str] = Counter()
    incidents = _at_rest(connection, _held(connection, before))
    runs = select(RUNBOOK_RUNS.c.id).where(RUNBOOK_RUNS.c.incident_id.in_(incidents))
    of_runs = [(table, table.c.run_id.in_(runs)) for table in OF_A_RUN]
    for table, belongs in (*of_runs, *((table, table.c.incident_id.in_(incidents)) for table in OF_AN_INCIDENT)):
        keys = tuple_(*table.primary_key.columns)
        some = select(*table.primary_key.columns).where(belongs)
        some = some.limit(limit - dropped.total())
        dropped[table.name] = connection.execute(delete(table).where(keys.in_(some))).rowcount
        if dropped.total() >= limit:
            return dropped
    dropped[INCIDENTS.name] = connection.execute(delete(INCIDENTS).where(INCIDENTS.c.id.in_(incidents))).rowcount
    return dropped


def drop_pages(connection: Connection, before: datetime, limit: int) -> Counter[str]:
    """Delete finished pages of incidents resolved before then."""
    # Held as the incident is, so that nobody opens it again meanwhile.
    query = (
        select(NOTIFICATIONS.c.id)
        .join(INCIDENTS, INCIDENTS.c.id == NOTIFICATIONS.c.incident_id)
        .where(
            NOTIFICATIONS.c.created_at < before,
            ~_WAITS,
            _older_than_newest(NOTIFICATIONS),
            INCIDENTS.c.status == "resolved",
            INCIDENTS.c.resolved_at < before,
            ~_another_waits(),
        )
        .order_by(NOTIFICATIONS.c.created_at)
        .limit(limit)
        .with_for_update(of=INCIDENTS, skip_locked=True, key_share=True)
    )
    return _dropped(connection, NOTIFICATIONS, list(connection.execute(query).scalars()))


def drop_attempts(connection: Connection, before: datetime, limit: int) -> Counter[str]:
    """Delete calls that were begun before then, are over, and carried no page that is still kept."""
    carried = or_(
        exists().where(NOTIFICATIONS.c.idempotency_key == ATTEMPTS.c.message_key),
        exists().where(NOTIFICATIONS.c.bundle == ATTEMPTS.c.message_key),
    )
    query = (
        select(ATTEMPTS.c.id)
        .where(ATTEMPTS.c.started_at < before, ATTEMPTS.c.outcome != "sending", _older_than_newest(ATTEMPTS), ~carried)
        .order_by(ATTEMPTS.c.started_at)
        .limit(limit)
    )
    return _dropped(connection, ATTEMPTS, list(connection.execute(query).scalars()))


def drop_loose_alerts(connection: Connection, before: datetime, limit: int) -> Counter[str]:
    """Delete alerts that were over before then and belong to no incident."""
    query = (
        select(EPISODES.c.id)
        .where(
            EPISODES.c.incident_id.is_(None),
            ~_FIRES,
            func.coalesce(EPISODES.c.resolved_at, EPISODES.c.last_seen_at) < before,
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return _dropped(connection, EPISODES, list(connection.execute(query).scalars()))


def drop_answers(connection: Connection, before: datetime, limit: int) -> Counter[str]:
    """Delete what was answered before then; a repeat after that is a new write."""
    key = tuple_(ANSWERS.c.operation, ANSWERS.c.key)
    old = select(ANSWERS.c.operation, ANSWERS.c.key).where(ANSWERS.c.created_at < before).limit(limit)
    return Counter({ANSWERS.name: connection.execute(delete(ANSWERS).where(key.in_(old))).rowcount})


def _held(connection: Connection, before: datetime) -> list[int]:
    """Hold incidents that may go: nobody opens them, or adds a row to them, until the transaction ends."""
    whole = INCIDENTS.alias("whole")
    query = (
        select(INCIDENTS.c.id)
        .where(
            INCIDENTS.c.status == "resolved",
            INCIDENTS.c.resolved_at < before,
            # What was merged is part of the other's history, and goes after it.
            ~exists().where(whole.c.id == INCIDENTS.c.merged_into),
            *_rests(),
            _older_than_newest(INCIDENTS),
            *(INCIDENTS.c.id != _incident_of_newest(table) for table in (EVENTS, NOTIFICATIONS, RUNBOOK_RUNS)),
        )
        .order_by(INCIDENTS.c.resolved_at)
        .limit(INCIDENTS_TOGETHER)
        .with_for_update(skip_locked=True)
    )
    return list(connection.execute(query).scalars())


def _at_rest(connection: Connection, held: list[int]) -> list[int]:
    """Look once more, now that they are held: a row may have come between the look and the hold."""
    return list(connection.execute(select(INCIDENTS.c.id).where(INCIDENTS.c.id.in_(held), *_rests())).scalars())


def _rests() -> tuple[ColumnElement[bool], ...]:
    return (
        ~exists().where(and_(NOTIFICATIONS.c.incident_id == INCIDENTS.c.id, _WAITS)),
        ~exists().where(and_(EPISODES.c.incident_id == INCIDENTS.c.id, _FIRES)),
        ~exists().where(RUNBOOK_RUNS.c.incident_id == INCIDENTS.c.id, RUNBOOK_RUNS.c.finished_at.is_(None)),
    )


def _another_waits() -> ColumnElement[bool]:
    other = NOTIFICATIONS.alias("other")
    return exists().where(other.c.incident_id == INCIDENTS.c.id, other.c.state.in_(("queued", "sending")))


def _older_than_newest(table: Table) -> ColumnElement[bool]:
    newest = table.alias("newest")
    return table.c.id < select(func.max(newest.c.id)).scalar_subquery()


def _incident_of_newest(table: Table) -> ColumnElement[Any]:
    newest = table.alias("newest")
    found = (
        select(newest.c.incident_id).order_by(newest.c.id.desc()).limit(1).scalar_subquery()
    )  # of a run: perhaps none
    return func.coalesce(found, 0)


def _dropped(connection: Connection, table: Table, ids: list[int]) -> Counter[str]:
    if not ids:
        return Counter()
    return Counter({table.name: connection.execute(delete(table).where(table.c.id.in_(ids))).rowcount})
