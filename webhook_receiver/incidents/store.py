"""Rows of incidents and of their logs. Every change that races is a guarded update whose row count is looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from webhook_receiver.incidents.incident import ACTIVE, EventKind, Status
from webhook_receiver.incidents.search import Search
from webhook_receiver.schema import (
    ACKNOWLEDGEMENTS,
    ATTEMPTS,
    EPISODES,
    EVENTS,
    INCIDENT_SERVICES,
    INCIDENTS,
    NOTIFICATIONS,
)
from wedsync_core.storage import upsert

IncidentRow = Row[Any]


_ACTIVE = [status.value for status in ACTIVE]
# The statements of the way of an alert are built once: building one costs more than running it.
_INSERT = {
    dialect: build(INCIDENTS)
    .on_conflict_do_nothing(index_elements=["dedup_key"], index_where=text("status <> 'resolved'"))
    .returning(INCIDENTS.c.id)
    for dialect, build in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_FIND = select(INCIDENTS).where(INCIDENTS.c.id == bindparam("incident"))
# Without the key: a line in the incident's log, which refers to it, need not wait for whoever holds it.
_HOLD = _FIND.with_for_update(key_share=True)
_UPDATE = update(INCIDENTS).where(INCIDENTS.c.id == bindparam("incident"))
_COUNT_OPEN = (
    select(INCIDENTS.c.severity, func.count()).where(INCIDENTS.c.status.in_(_ACTIVE)).group_by(INCIDENTS.c.severity)
)
_ADD_EVENT = insert(EVENTS)
_INSERT_NUMBERED = insert(INCIDENTS)


def insert_incident(connection: Connection, values: Mapping[str, Any]) -> int | None:
    """Write a new incident; returns its number, or None while another of its ``dedup_key`` is not resolved."""
    return connection.execute(_INSERT[connection.dialect.name], dict(values)).scalar_one_or_none()


def reserve_numbers(connection: Connection, count: int) -> list[int]:
    """Return numbers for so many new incidents, ascending, that nobody else will use."""
    if connection.dialect.name == "postgresql":
        sequence = func.nextval(func.pg_get_serial_sequence(INCIDENTS.name, "id"))
        numbers = select(sequence).select_from(func.generate_series(1, count).alias("position"))
        return sorted(connection.execute(numbers).scalars())
    # The one writer at a time is us until the transaction ends; SQLite itself numbers rows in just this way.
    last = connection.execute(select(func.max(INCIDENTS.c.id))).scalar() or 0
    return list(range(last + 1, last + 1 + count))


def insert_incidents(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new incidents whose numbers have been reserved; none of them is a finding with a ``dedup_key``."""
    if rows:
        connection.execute(_INSERT_NUMBERED, rows)


def change_incidents(connection: Connection, changes: Sequence[tuple[int, Mapping[str, Any]]], now: datetime) -> None:
    """Change incidents that the caller holds, the same columns of each."""
    if changes:
        rows = [{**values, "updated_at": now, "incident": incident_id} for incident_id, values in changes]
        connection.execute(_UPDATE, rows)


def find_by_dedup_key(connection: Connection, dedup_key: str) -> int | None:
    """Return the incident of one of the receiver's own findings that is not resolved."""
    query = select(INCIDENTS.c.id).where(
        INCIDENTS.c.dedup_key == dedup_key, INCIDENTS.c.status != Status.RESOLVED.value
    )
    return connection.execute(query).scalar_one_or_none()


def find_incident(connection: Connection, incident_id: int, *, lock: bool = False) -> IncidentRow | None:
    """Return an incident, held against others until the transaction ends when ``lock``."""
    # SQLite has no row locks and needs none: its writers hold the whole database.
    return connection.execute(_HOLD if lock else _FIND, {"incident": incident_id}).one_or_none()


def update_incident(connection: Connection, incident_id: int, values: Mapping[str, Any], now: datetime) -> None:
    """Change an incident that the caller holds."""
    connection.execute(_UPDATE, {**values, "updated_at": now, "incident": incident_id})


def active_incidents(connection: Connection, limit: int) -> Sequence[IncidentRow]:
    """Return incidents that are not over: the worst first, then the ones that touch weddings most, then the oldest."""
    query = (
        select(INCIDENTS)
        .where(INCIDENTS.c.status.in_([status.value for status in ACTIVE]))
        .order_by(
            INCIDENTS.c.severity_rank.desc(),
            INCIDENTS.c.wedding_impact_rank.desc(),
            INCIDENTS.c.created_at,
            INCIDENTS.c.id,
        )
        .limit(limit)
    )
    return connection.execute(query).all()


def open_counts(connection: Connection) -> dict[str, int]:
    """Return how many incidents are not over, by severity."""
    return dict(tuple(row) for row in connection.execute(_COUNT_OPEN))


def due_escalations(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Return incidents whose next step is due, taken by nobody else; the worst first."""
    query = (
        select(INCIDENTS.c.id)
        .where(INCIDENTS.c.next_escalation_at <= now, INCIDENTS.c.status == Status.OPEN.value)
        .order_by(INCIDENTS.c.severity_rank.desc(), INCIDENTS.c.next_escalation_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return [incident_id for (incident_id,) in connection.execute(query)]


def expired_acknowledgements(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Return incidents whose acknowledgement has run out, taken by nobody else."""
    query = (
        select(INCIDENTS.c.id)
        .where(
            INCIDENTS.c.acknowledgement_expires_at <= now,
            INCIDENTS.c.status.in_([Status.INVESTIGATING.value, Status.IN_PROGRESS.value]),
        )
        .order_by(INCIDENTS.c.acknowledgement_expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return [incident_id for (incident_id,) in connection.execute(query)]


def due_judgements(connection: Connection, now: datetime, limit: int) -> list[int]:
    """Return incidents that are to be judged again, taken by nobody else."""
    query = (
        select(INCIDENTS.c.id)
        .where(INCIDENTS.c.next_judgement_at <= now, INCIDENTS.c.status.in_([status.value for status in ACTIVE]))
        .order_by(INCIDENTS.c.next_judgement_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return [incident_id for (incident_id,) in connection.execute(query)]


def plan_judgement(connection: Connection, incident_id: int, at: datetime) -> None:
    """Set when an incident is judged next. No change that a person would look for: ``updated_at`` stays."""
    connection.execute(update(INCIDENTS).where(INCIDENTS.c.id == incident_id).values(next_judgement_at=at))


def firing_labels(connection: Connection, incident_id: int) -> list[Mapping[str, str]]:
    """Return the labels of an incident's alerts that fire, the first one first."""
    query = (
        select(EPISODES.c.labels)
        .where(EPISODES.c.incident_id == incident_id, EPISODES.c.state == "firing")
        .order_by(EPISODES.c.id)
    )
    return [labels for (labels,) in connection.execute(query)]


def add_acknowledgement(connection: Connection, row: IncidentRow, person: str, note: str, now: datetime) -> None:
    """Record that a person has an incident, once for each cycle of its escalation."""
    statement = upsert(connection, ACKNOWLEDGEMENTS).values(
        incident_id=row.id, cycle=row.escalation_cycle, person=person, acknowledged_at=now, note=note
    )
    connection.execute(statement.on_conflict_do_nothing(index_elements=["incident_id", "cycle", "person"]))


def acknowledged_people(connection: Connection, row: IncidentRow) -> list[str]:
    """Return who has acknowledged the present cycle of an incident, the first one first."""
    query = (
        select(ACKNOWLEDGEMENTS.c.person)
        .where(ACKNOWLEDGEMENTS.c.incident_id == row.id, ACKNOWLEDGEMENTS.c.cycle == row.escalation_cycle)
        .order_by(ACKNOWLEDGEMENTS.c.acknowledged_at, ACKNOWLEDGEMENTS.c.person)
    )
    return [person for (person,) in connection.execute(query)]


def acknowledgements_of(connection: Connection, incident_id: int) -> Sequence[Row[Any]]:
    """Return every acknowledgement of an incident, oldest first."""
    query = (
        select(ACKNOWLEDGEMENTS)
        .where(ACKNOWLEDGEMENTS.c.incident_id == incident_id)
        .order_by(ACKNOWLEDGEMENTS.c.cycle, ACKNOWLEDGEMENTS.c.acknowledged_at, ACKNOWLEDGEMENTS.c.person)
    )
    return connection.execute(query).all()


def most_overdue(connection: Connection) -> datetime | None:
    """Return the earliest due moment among steps not yet taken, whether past or to come."""
    query = select(func.min(INCIDENTS.c.next_escalation_at)).where(INCIDENTS.c.status == Status.OPEN.value)
    moment: datetime | None = connection.execute(query).scalar()
    return moment


def add_event(
    connection: Connection,
    incident_id: int,
    kind: EventKind,
    *,
    actor: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Append to an incident's log."""
    values = {"incident_id": incident_id, "created_at": now, "kind": kind.value, "actor": actor}
    connection.execute(_ADD_EVENT, {**values, "detail": dict(detail or {})})


def add_events(
    connection: Connection, lines: Iterable[tuple[int, EventKind, str, Mapping[str, Any]]], now: datetime
) -> None:
    """Append to the logs of several incidents: number, kind, actor, detail."""
    rows = [
        {"incident_id": number, "created_at": now, "kind": kind.value, "actor": actor, "detail": dict(detail)}
        for number, kind, actor, detail in lines
    ]
    if rows:
        connection.execute(_ADD_EVENT, rows)


def events_of(connection: Connection, incident_ids: Iterable[int], latest: int) -> dict[int, list[Row[Any]]]:
    """Return the ``latest`` log entries of each incident, newest first."""
    wanted = list(incident_ids)
    ranked = (
        select(
            EVENTS,
            func.row_number().over(partition_by=EVENTS.c.incident_id, order_by=EVENTS.c.id.desc()).label("position"),
        )
        .where(EVENTS.c.incident_id.in_(wanted))
        .subquery()
    )
    query = select(ranked).where(ranked.c.position <= latest).order_by(ranked.c.id.desc())
    found: dict[int, list[Row[Any]]] = {incident_id: [] for incident_id in wanted}
    for row in connection.execute(query):
        found[row.incident_id].append(row)
    return found


def alerts_of(connection: Connection, incident_id: int) -> Sequence[Row[Any]]:
    """Return the episodes that belong to an incident, in the order they were first seen."""
    query = select(EPISODES).where(EPISODES.c.incident_id == incident_id).order_by(EPISODES.c.id)
    return connection.execute(query).all()


def notifications_of(connection: Connection, incident_id: int) -> Sequence[Row[Any]]:
    """Return the pages queued for an incident, oldest first."""
    query = select(NOTIFICATIONS).where(NOTIFICATIONS.c.incident_id == incident_id).order_by(NOTIFICATIONS.c.id)
    return connection.execute(query).all()


def calls_of(connection: Connection, pages: Iterable[Row[Any]]) -> dict[int, list[Row[Any]]]:
    """Return the calls of a provider that carried each page (rows of notifications), oldest first."""
    carried: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for page in pages:
        for key in {page.idempotency_key, page.bundle} - {None}:
            carried[key].append(page)
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    query = select(ATTEMPTS).where(ATTEMPTS.c.message_key.in_(list(carried))).order_by(ATTEMPTS.c.id)
    for call in connection.execute(query):
        for page in carried[call.message_key]:
            if call.started_at >= page.created_at:  # a bundle may be older than a page that joined it
                found[page.id].append(call)
    return found


def find_incidents(connection: Connection, search: Search, limit: int) -> Sequence[IncidentRow]:
    """Return the incidents a caller looks for, the newest first."""
    query = select(INCIDENTS).order_by(INCIDENTS.c.id.desc()).limit(limit)
    if search.before is not None:
        query = query.where(INCIDENTS.c.id < search.before)
    if search.statuses is not None:
        query = query.where(INCIDENTS.c.status.in_(sorted(search.statuses)))
    if search.severities is not None:
        query = query.where(INCIDENTS.c.severity.in_(sorted(search.severities)))
    if search.service is not None:
        named = select(INCIDENT_SERVICES.c.incident_id).where(INCIDENT_SERVICES.c.service == search.service)
        query = query.where(or_(INCIDENTS.c.service == search.service, INCIDENTS.c.id.in_(named)))
    if search.region is not None:
        query = query.where(_has_member(connection, INCIDENTS.c.regions, search.region))
    if search.opened_from is not None:
        query = query.where(INCIDENTS.c.created_at >= search.opened_from)
    if search.opened_to is not None:
        query = query.where(INCIDENTS.c.created_at < search.opened_to)
    return connection.execute(query).all()


def _has_member(connection: Connection, column: ColumnElement[Any], member: str) -> ColumnElement[bool]:
    """Return the condition that a JSON list has a text as its member; each database has its own way of asking."""
    unfold = func.json_array_elements_text if connection.dialect.name == "postgresql" else func.json_each
    members = unfold(column).table_valued("value")
    return select(1).select_from(members).where(members.c.value == member).exists()


def merged_into(connection: Connection, incident_id: int) -> list[int]:
    """Return the incidents that were merged into one, directly or by way of others."""
    found, look = [incident_id], [incident_id]
    while look:
        query = select(INCIDENTS.c.id).where(INCIDENTS.c.merged_into.in_(look)).order_by(INCIDENTS.c.id)
        look = [number for (number,) in connection.execute(query) if number not in found]
        found += look
    return found[1:]


def timeline(connection: Connection, incident_ids: Iterable[int], after: int, limit: int) -> Sequence[Row[Any]]:
    """Return the log entries of several incidents numbered above ``after``, oldest first."""
    query = (
        select(EVENTS)
        .where(EVENTS.c.incident_id.in_(list(incident_ids)), EVENTS.c.id > after)
        .order_by(EVENTS.c.id)
        .limit(limit)
    )
    return connection.execute(query).all()
