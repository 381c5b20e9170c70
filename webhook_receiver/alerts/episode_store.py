"""Rows of episodes: one life of one alert each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from webhook_receiver.alerts.contract import Sighting
from webhook_receiver.alerts.episode import IncidentState, Remembered
from webhook_receiver.alerts.missed import Lived
from webhook_receiver.schema import EPISODES, INCIDENTS
from wedsync_core.severity import Severity

MOST_STARTS = 20
"""Starts kept of one episode. An alert that flaps keeps its latest ones."""
_AT_ONCE = 500

_FIRING = text("alert_episodes.state = 'firing'")
"""A literal, so that both databases find the open episodes by their partial index among all that ever were."""
_WITH_INCIDENT = select(
    EPISODES,
    INCIDENTS.c.severity,
    INCIDENTS.c.status,
    INCIDENTS.c.resolved_at.label("over_at"),
    INCIDENTS.c.resolved_by,
).select_from(EPISODES.outerjoin(INCIDENTS, EPISODES.c.incident_id == INCIDENTS.c.id))


# The statements of the way of an alert are built once: building one costs more than running it.
_LATEST = (
    select(func.max(EPISODES.c.id))
    .where(EPISODES.c.fingerprint.in_(bindparam("fingerprints", expanding=True)))
    .group_by(EPISODES.c.fingerprint)
)
_REMEMBERED = _WITH_INCIDENT.where(EPISODES.c.id.in_(_LATEST)).order_by(EPISODES.c.id).with_for_update(of=EPISODES)
_IN_INCIDENTS = select(EPISODES.c.fingerprint).where(
    EPISODES.c.fingerprint.in_(bindparam("fingerprints", expanding=True)), _FIRING, EPISODES.c.incident_id.is_not(None)
)
_OPEN = {
    dialect: build(EPISODES)
    # A literal: a parameter in its place stops matching the index once PostgreSQL plans without its value.
    .on_conflict_do_nothing(index_elements=["fingerprint"], index_where=text("state = 'firing'"))
    .returning(EPISODES.c.id)
    for dialect, build in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_FIRING_IN = select(
    func.count(), func.count().filter(EPISODES.c.upstream.in_(["silenced", "inhibited", "muted"]))
).where(EPISODES.c.incident_id == bindparam("incident"), _FIRING)
_UPDATE = update(EPISODES).where(EPISODES.c.id == bindparam("episode"))
_COUNT_SIGHTING = _UPDATE.values(sightings=EPISODES.c.sightings + 1)
_GRAVE = (Severity.CRITICAL.value, Severity.HIGH.value)
_COUNT_SIGHTINGS = _UPDATE.values(sightings=EPISODES.c.sightings + bindparam("more"))
_OPEN_MANY = insert(EPISODES)


def remembered(connection: Connection, fingerprints: Iterable[str]) -> dict[str, Remembered]:
    """Return the latest episode of each fingerprint, held against others until the transaction ends."""
    rows = connection.execute(_REMEMBERED, {"fingerprints": list(fingerprints)})
    return {row.fingerprint: _remembered(row) for row in rows}


def latest_of(connection: Connection, fingerprints: Sequence[str]) -> dict[str, Remembered]:
    """Return the latest episode of each fingerprint, without holding it."""
    found: dict[str, Remembered] = {}
    for start in range(0, len(fingerprints), _AT_ONCE):
        latest = (
            select(func.max(EPISODES.c.id))
            .where(EPISODES.c.fingerprint.in_(fingerprints[start : start + _AT_ONCE]))
            .group_by(EPISODES.c.fingerprint)
        )
        rows = connection.execute(_WITH_INCIDENT.where(EPISODES.c.id.in_(latest)))
        found.update((row.fingerprint, _remembered(row)) for row in rows)
    return found


def before(connection: Connection, known: Remembered) -> Remembered | None:
    """Return the episode of the same fingerprint before this one."""
    query = (
        _WITH_INCIDENT.where(EPISODES.c.fingerprint == known.fingerprint, EPISODES.c.id < known.episode_id)
        .order_by(EPISODES.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _remembered(row)


def open_ones(connection: Connection) -> list[Remembered]:
    """Return every open episode, without holding it."""
    return [_remembered(row) for row in connection.execute(_WITH_INCIDENT.where(_FIRING).order_by(EPISODES.c.id))]


def unconfirmed(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Return fingerprints whose firing nobody has confirmed in time."""
    query = select(EPISODES.c.fingerprint).where(_FIRING, EPISODES.c.confirm_by <= now).limit(limit)
    return [fingerprint for (fingerprint,) in connection.execute(query)]


def pressing_since(connection: Connection, moment: datetime) -> bool:
    """Return whether an episode has begun to wait for an answer of the sources after ``moment``."""
    waiting = or_(
        EPISODES.c.resolve_held_at >= moment,
        and_(EPISODES.c.confirm_by.is_not(None), EPISODES.c.first_seen_at >= moment),
    )
    return connection.execute(select(EPISODES.c.id).where(_FIRING, waiting).limit(1)).first() is not None


def held_count(connection: Connection) -> int:
    """Return how many clearings are not believed yet."""
    query = select(func.count()).select_from(EPISODES).where(_FIRING, EPISODES.c.resolve_held_at.is_not(None))
    return int(connection.execute(query).scalar_one())


def open_episode(connection: Connection, sighting: Sighting, group_key: str, now: datetime, **more: Any) -> int | None:
    """Write a new open episode; returns its number, or None when another writer opened it a moment earlier."""
    values = {"state": "firing", **_values(sighting, group_key, now), **more}
    return connection.execute(_OPEN[connection.dialect.name], values).scalar_one_or_none()


@dataclass(frozen=True)
class NewEpisode:
    """An episode to be opened. ``incident`` is its number once it has been written; None: it opens nothing."""

    sighting: Sighting
    group_key: str
    seen_at: datetime
    incident: Callable[[], int] | None = None
    correlation: Mapping[str, str] | None = None


def open_episodes(connection: Connection, episodes: Iterable[NewEpisode]) -> None:
    """Write new open episodes. Raises IntegrityError where another writer opened one of them a moment earlier."""
    rows = [
        {
            "state": "firing",
            **_values(one.sighting, one.group_key, one.seen_at),
            "incident_id": one.incident() if one.incident else None,
            "correlation": one.correlation,
        }
        for one in episodes
    ]
    if rows:
        connection.execute(_OPEN_MANY, rows)


def record_closed(connection: Connection, sighting: Sighting, group_key: str, now: datetime, resolution: str) -> int:
    """Write an episode that is over already; returns its number."""
    values = _values(sighting, group_key, now)
    ended = {"ends_at": sighting.ends_at or now, "resolved_at": now, "resolution": resolution}
    statement = insert(EPISODES).values(state="resolved", **values, **ended).returning(EPISODES.c.id)
    return int(connection.execute(statement).scalar_one())


def reopen(connection: Connection, known: Remembered, sighting: Sighting, now: datetime) -> None:
    """Let a closed episode go on."""
    values = {
        "state": "firing",
        "ends_at": None,
        "resolved_at": None,
        "resolution": None,
        "resolve_held_at": None,
        "absent_since": None,
        "upstream": "active",
        "upstream_detail": None,
        **_seen(known, sighting, now),
    }
    again = _COUNT_SIGHTING.values(reopened=EPISODES.c.reopened + 1)
    connection.execute(again, {**values, "episode": known.episode_id})


def see_again(connection: Connection, known: Remembered, sighting: Sighting, now: datetime) -> None:
    """Record that an open episode was seen once more, with what it says now; a doubted end is doubted no more."""
    values = {"resolve_held_at": None, "absent_since": None, **_seen(known, sighting, now)}
    connection.execute(_COUNT_SIGHTING, {**values, "episode": known.episode_id})


def see_all_again(connection: Connection, seen: Iterable[tuple[Remembered, int]]) -> None:
    """Record that open episodes were seen so many times more; each is given as it is after the last of them."""
    rows = [
        {
            "last_seen_at": one.last_seen_at,
            "annotations": dict(one.annotations),
            "starts_seen": [_text(moment) for moment in one.starts_seen],
            "resolve_held_at": None,
            "absent_since": None,
            "more": times,
            "episode": one.episode_id,
        }
        for one, times in seen
    ]
    if rows:
        connection.execute(_COUNT_SIGHTINGS, rows)


def seen_again(known: Remembered, sighting: Sighting, now: datetime) -> Remembered:
    """Return an open episode as ``see_again`` leaves it."""
    starts = _starts(known, sighting)
    return replace(
        known,
        last_seen_at=now,
        annotations=dict(sighting.annotations),
        starts_seen=starts,
        resolve_held_at=None,
        absent_since=None,
    )


def join_incident(connection: Connection, episode_id: int, incident_id: int, reason: str | None = None) -> None:
    """Make an episode part of an incident; ``reason`` says why of this one, where correlation has not said so."""
    values: dict[str, Any] = {"incident_id": incident_id, "confirm_by": None}
    if reason is not None:
        values["correlation"] = {"reason": reason}
    _update(connection, episode_id, values)


def open_fingerprints(connection: Connection, fingerprints: Iterable[str]) -> set[str]:
    """Return which of ``fingerprints`` have an open episode in an incident; nothing is held."""
    rows = connection.execute(_IN_INCIDENTS, {"fingerprints": list(fingerprints)})
    return {fingerprint for (fingerprint,) in rows}


def hold_resolution(connection: Connection, episode_id: int, ends_at: datetime | None, now: datetime) -> None:
    """Note that an episode was said to be over, which waits for evidence."""
    _update(connection, episode_id, {"resolve_held_at": now, "ends_at": ends_at})


def end_hold(connection: Connection, episode_id: int) -> None:
    """Forget that an episode was said to be over."""
    _update(connection, episode_id, {"resolve_held_at": None, "ends_at": None})


def set_upstream(
    connection: Connection, episode_id: int, state: str, detail: Mapping[str, Any] | None, absent_since: datetime | None
) -> None:
    """Record what Alertmanager makes of an open episode."""
    values = {"upstream": state, "upstream_detail": detail, "absent_since": absent_since, "confirm_by": None}
    _update(connection, episode_id, values)


def close_episode(
    connection: Connection, episode_id: int, *, ends_at: datetime | None, now: datetime, resolution: str
) -> None:
    """End an episode. Its last sighting stays: what closes it may not have seen it."""
    values = {
        "state": "resolved",
        "ends_at": ends_at or now,
        "resolved_at": now,
        "resolution": resolution,
        "confirm_by": None,
        "resolve_held_at": None,
    }
    _update(connection, episode_id, values)


def firing_in(connection: Connection, incident_id: int) -> tuple[int, int]:
    """Return how many episodes of an incident fire, and how many of those Alertmanager suppresses."""
    total, quiet = connection.execute(_FIRING_IN, {"incident": incident_id}).one()
    return int(total), int(quiet)


def lived_since(connection: Connection, moment: datetime) -> list[Lived]:
    """Return the times of every episode that was open at or after ``moment``."""
    query = select(EPISODES.c.labels, EPISODES.c.starts_at, EPISODES.c.ends_at, EPISODES.c.state).where(
        or_(_FIRING, EPISODES.c.ends_at >= moment, EPISODES.c.resolved_at >= moment)
    )
    return [
        Lived(row.labels, row.starts_at, None if row.state == "firing" else row.ends_at)
        for row in connection.execute(query)
    ]


def _update(connection: Connection, episode_id: int, values: Mapping[str, Any]) -> None:
    connection.execute(_UPDATE, {**values, "episode": episode_id})


def _values(sighting: Sighting, group_key: str, now: datetime) -> dict[str, Any]:
    return {
        "fingerprint": sighting.fingerprint,
        "labels": dict(sighting.labels),
        "annotations": dict(sighting.annotations),
        "starts_at": sighting.starts_at,
        "starts_seen": [_text(sighting.starts_at)],
        "generator_url": sighting.generator_url,
        "group_key": group_key,
        "first_seen_at": now,
        "last_seen_at": now,
        "sightings": 1,
    }


def _seen(known: Remembered, sighting: Sighting, now: datetime) -> dict[str, Any]:
    return {
        "last_seen_at": now,
        "annotations": dict(sighting.annotations),
        "starts_seen": [_text(moment) for moment in _starts(known, sighting)],
    }


def _starts(known: Remembered, sighting: Sighting) -> tuple[datetime, ...]:
    return tuple(sorted({*known.starts_seen, sighting.starts_at})[-MOST_STARTS:])


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _remembered(row: Row[Any]) -> Remembered:
    incident = None
    if row.incident_id is not None:
        over_at = row.over_at if row.status == "resolved" else None
        incident = IncidentState(row.severity in _GRAVE, over_at, row.resolved_by)
    return Remembered(
        episode_id=row.id,
        fingerprint=row.fingerprint,
        firing=row.state == "firing",
        labels=row.labels,
        annotations=row.annotations,
        starts_at=row.starts_at,
        starts_seen=tuple(datetime.fromisoformat(start) for start in row.starts_seen),
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        ends_at=row.ends_at,
        resolved_at=row.resolved_at,
        resolution=row.resolution,
        confirm_by=row.confirm_by,
        resolve_held_at=row.resolve_held_at,
        upstream=row.upstream,
        absent_since=row.absent_since,
        incident_id=row.incident_id,
        incident=incident,
    )
