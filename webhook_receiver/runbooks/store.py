"""Rows of runs. Whoever changes a run that is being carried out names the fence it was given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, update
from sqlalchemy.engine import Connection

from webhook_receiver.incidents.incident import ACTIVE as INCIDENT_ACTIVE
from webhook_receiver.runbooks.gates import Ended
from webhook_receiver.runbooks.run import BAD, GOOD, State
from webhook_receiver.schema import (
    ENGINE,
    EPISODES,
    INCIDENTS,
    RUNBOOK_APPROVALS,
    RUNBOOK_LOOKS,
    RUNBOOK_RUNS,
    RUNBOOK_STEPS,
)
from wedsync_core.storage import upsert

SWITCH = "runbooks_switch"
RunRow = Row[Any]


def unlooked(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Return open incidents that have alerts, or a round of escalation, that no runbook was compared with."""
    looked = RUNBOOK_LOOKS.c
    query = (
        select(INCIDENTS)
        .outerjoin(RUNBOOK_LOOKS, looked.incident_id == INCIDENTS.c.id)
        .where(
            INCIDENTS.c.status.in_([status.value for status in INCIDENT_ACTIVE]),
            # What people may sleep through, a machine leaves alone as well: somebody works there.
            INCIDENTS.c.suppressed_by.is_(None),
            or_(
                looked.incident_id.is_(None),
                looked.alerts < INCIDENTS.c.alerts,
                looked.cycle < INCIDENTS.c.escalation_cycle,
            ),
        )
        .order_by(INCIDENTS.c.severity_rank.desc(), INCIDENTS.c.id)
        .limit(limit)
    )
    return connection.execute(query).all()


def note_look(connection: Connection, incident_id: int, alerts: int, cycle: int) -> None:
    """Remember how much of an incident was compared."""
    values = {"alerts": alerts, "cycle": cycle}
    statement = upsert(connection, RUNBOOK_LOOKS).values(incident_id=incident_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["incident_id"], set_=values))


def firing(connection: Connection, incident_id: int) -> Sequence[Any]:
    """Return fingerprint and labels of an incident's alerts that fire."""
    query = (
        select(EPISODES.c.fingerprint, EPISODES.c.labels)
        .where(EPISODES.c.incident_id == incident_id, EPISODES.c.state == "firing")
        .order_by(EPISODES.c.id)
    )
    return connection.execute(query).all()


def firing_of(connection: Connection, fingerprints: Collection[str]) -> int:
    """Return how many of these alerts fire now, in whatever incident."""
    query = select(func.count()).where(EPISODES.c.fingerprint.in_(list(fingerprints)), EPISODES.c.state == "firing")
    return int(connection.execute(query).scalar_one())


def insert_run(connection: Connection, values: Mapping[str, Any]) -> RunRow | None:
    """Write a run; returns its row, or None when the same start is written already."""
    statement = upsert(connection, RUNBOOK_RUNS).values(**values).on_conflict_do_nothing(index_elements=["start_key"])
    return connection.execute(statement.returning(*RUNBOOK_RUNS.c)).one_or_none()


def find_run(connection: Connection, run_id: int, *, lock: bool = False) -> RunRow | None:
    """Return a run, held against others until the transaction ends when ``lock``."""
    query = select(RUNBOOK_RUNS).where(RUNBOOK_RUNS.c.id == run_id)
    return connection.execute(query.with_for_update() if lock else query).one_or_none()


def update_run(
    connection: Connection, run_id: int, values: Mapping[str, Any], *, state: State, fence: int | None = None
) -> bool:
    """Change a run that is in a state, and under a fence; returns False when it is not any more."""
    statement = update(RUNBOOK_RUNS).where(RUNBOOK_RUNS.c.id == run_id, RUNBOOK_RUNS.c.state == state.value)
    if fence is not None:
        statement = statement.where(RUNBOOK_RUNS.c.fence == fence)
    return connection.execute(statement.values(**values)).rowcount == 1


def due(connection: Connection, state: State, now: datetime, limit: int) -> Sequence[RunRow]:
    """Return runs in a state that are due, held against others."""
    query = (
        select(RUNBOOK_RUNS)
        .where(RUNBOOK_RUNS.c.state == state.value, RUNBOOK_RUNS.c.due_at <= now)
        .order_by(RUNBOOK_RUNS.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(query).all()


def anything_due(connection: Connection, now: datetime) -> bool:
    """Return whether any run waits for a look."""
    waiting = [State.AWAITING_APPROVAL.value, State.READY.value, State.ASKING.value, State.VERIFYING.value]
    runs = RUNBOOK_RUNS.c
    query = select(runs.id).where(
        or_(
            and_(runs.state.in_(waiting), runs.due_at <= now),
            and_(runs.state == State.RUNNING.value, runs.lease_until <= now),
        )
    )
    return connection.execute(query.limit(1)).first() is not None


def lost(connection: Connection, now: datetime, limit: int) -> Sequence[RunRow]:
    """Return runs whose runner has not renewed its lease, held against others."""
    query = (
        select(RUNBOOK_RUNS)
        .where(RUNBOOK_RUNS.c.state == State.RUNNING.value, RUNBOOK_RUNS.c.lease_until <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(query).all()


def renew(connection: Connection, run_id: int, fence: int, until: datetime) -> bool:
    """Keep a run; returns False when it was given up for lost."""
    return update_run(connection, run_id, {"lease_until": until}, state=State.RUNNING, fence=fence)


def begin_step(connection: Connection, run_id: int, number: int, state: str, now: datetime) -> None:
    """Write a step before it is taken; one that waits is begun once."""
    statement = upsert(connection, RUNBOOK_STEPS).values(
        run_id=run_id, number=number, state=state, reason="", output="", result={}, started_at=now
    )
    connection.execute(statement.on_conflict_do_nothing(index_elements=["run_id", "number"]))


def end_step(connection: Connection, run_id: int, number: int, values: Mapping[str, Any]) -> None:
    """Write what came of a step."""
    steps = RUNBOOK_STEPS.c
    connection.execute(update(RUNBOOK_STEPS).where(steps.run_id == run_id, steps.number == number).values(**values))


def steps_of(connection: Connection, run_id: int) -> Sequence[Row[Any]]:
    """Return the steps of a run that were begun, in order."""
    query = select(RUNBOOK_STEPS).where(RUNBOOK_STEPS.c.run_id == run_id).order_by(RUNBOOK_STEPS.c.number)
    return connection.execute(query).all()


def approve(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Write an approval; returns False when this person had approved already."""
    statement = upsert(connection, RUNBOOK_APPROVALS).values(**values)
    statement = statement.on_conflict_do_nothing(index_elements=["run_id", "person"])
    return connection.execute(statement).rowcount == 1


def approvals_of(connection: Connection, run_id: int) -> Sequence[Row[Any]]:
    """Return who approved a run, the first one first."""
    query = select(RUNBOOK_APPROVALS).where(RUNBOOK_APPROVALS.c.run_id == run_id)
    return connection.execute(query.order_by(RUNBOOK_APPROVALS.c.approved_at, RUNBOOK_APPROVALS.c.person)).all()


def last_started(connection: Connection, runbook: str, target: str) -> datetime | None:
    """Return when a runbook last began on a target."""
    runs = RUNBOOK_RUNS.c
    query = select(func.max(runs.started_at)).where(runs.runbook == runbook, runs.target == target)
    moment: datetime | None = connection.execute(query).scalar()
    return moment


def started_since(connection: Connection, since: datetime, runbook: str | None = None) -> int:
    """Return how many runs began after a moment, of one runbook or of all."""
    query = select(func.count()).where(RUNBOOK_RUNS.c.started_at > since)
    if runbook is not None:
        query = query.where(RUNBOOK_RUNS.c.runbook == runbook)
    return int(connection.execute(query).scalar_one())


def outcomes(connection: Connection, runbook: str, limit: int) -> list[Ended]:
    """Return how a runbook's latest runs ended, the latest first."""
    runs = RUNBOOK_RUNS.c
    query = (
        select(runs.state, runs.finished_at)
        .where(runs.runbook == runbook, runs.state.in_([*GOOD, *BAD]), runs.finished_at.is_not(None))
        .order_by(runs.finished_at.desc(), runs.id.desc())
        .limit(limit)
    )
    return [Ended(state, at) for state, at in connection.execute(query)]


def targets(connection: Connection, runbook: str, incident_id: int) -> set[str]:
    """Return the targets that a runbook was asked for in one incident, dry runs aside."""
    runs = RUNBOOK_RUNS.c
    query = select(runs.target).where(
        runs.runbook == runbook, runs.incident_id == incident_id, runs.state != State.SHOWN.value
    )
    return {target for (target,) in connection.execute(query)}


def listed(
    connection: Connection, *, before: int | None, limit: int, incident_id: int | None, state: str | None
) -> Sequence[RunRow]:
    """Return runs, the newest first."""
    query = select(RUNBOOK_RUNS).order_by(RUNBOOK_RUNS.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(RUNBOOK_RUNS.c.id < before)
    if incident_id is not None:
        query = query.where(RUNBOOK_RUNS.c.incident_id == incident_id)
    if state is not None:
        query = query.where(RUNBOOK_RUNS.c.state == state)
    return connection.execute(query).all()


def ended_since(connection: Connection, since: datetime) -> dict[str, int]:
    """Return how many runs ended after a moment, by how."""
    query = (
        select(RUNBOOK_RUNS.c.state, func.count())
        .where(RUNBOOK_RUNS.c.finished_at > since)
        .group_by(RUNBOOK_RUNS.c.state)
    )
    return {row.state: row[1] for row in connection.execute(query)}


def switch(connection: Connection) -> Mapping[str, Any] | None:
    """Return how the kill switch was last set; None: never."""
    value: Mapping[str, Any] | None = connection.execute(
        select(ENGINE.c.value).where(ENGINE.c.name == SWITCH)
    ).scalar_one_or_none()
    return value


def set_switch(connection: Connection, value: Mapping[str, Any], now: datetime) -> None:
    """Set the kill switch."""
    values = {"value": dict(value), "updated_at": now}
    statement = upsert(connection, ENGINE).values(name=SWITCH, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
