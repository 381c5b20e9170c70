"""Rows of messages and episodes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from webhook_receiver.alerts.contract import Sighting
from webhook_receiver.alerts.episode import OpenEpisode
from webhook_receiver.schema import EPISODES, INBOX, QUARANTINE, SIGHTINGS

_KEEP = insert(INBOX).returning(INBOX.c.id)


def keep_message(
    connection: Connection, body: bytes, now: datetime, state: str = "pending", problem: str | None = None
) -> int:
    """Write a message as it came; returns its number. It stays ``pending`` when it is processed afterwards."""
    values = {"received_at": now, "state": state, "body": body, "problem": problem}
    return int(connection.execute(_KEEP, values).scalar_one())


def finish_message(connection: Connection, inbox_id: int, state: str, problem: str | None = None) -> None:
    """Record that a message has been processed (``done``) or set aside (``quarantined``)."""
    connection.execute(update(INBOX).where(INBOX.c.id == inbox_id).values(state=state, problem=problem))


def pending_messages(connection: Connection, before: datetime, limit: int) -> list[tuple[int, bytes]]:
    """Return messages kept before a moment and not processed: their request died on the way."""
    query = (
        select(INBOX.c.id, INBOX.c.body)
        .where(INBOX.c.state == "pending", INBOX.c.received_at <= before)
        .order_by(INBOX.c.id)
        .limit(limit)
    )
    return [(row.id, row.body) for row in connection.execute(query)]


def forget_messages(connection: Connection, before: datetime) -> int:
    """Delete processed messages kept before a moment; quarantined ones stay for a person to read."""
    statement = delete(INBOX).where(
        INBOX.c.state == "done",
        INBOX.c.received_at < before,
        INBOX.c.id.not_in(select(QUARANTINE.c.inbox_id)),
    )
    return connection.execute(statement).rowcount


def quarantine(connection: Connection, inbox_id: int, position: int, problem: str, now: datetime) -> None:
    """Set one alert of a message aside; doing so twice changes nothing."""
    build = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        build(QUARANTINE)
        .values(inbox_id=inbox_id, position=position, problem=problem, quarantined_at=now)
        .on_conflict_do_nothing(index_elements=["inbox_id", "position"])
    )


def quarantined_count(connection: Connection) -> int:
    """Return how many alerts and whole messages are set aside."""
    alerts = connection.execute(select(func.count()).select_from(QUARANTINE)).scalar_one()
    messages = connection.execute(
        select(func.count()).select_from(INBOX).where(INBOX.c.state == "quarantined")
    ).scalar_one()
    return int(alerts) + int(messages)


def open_fingerprints(connection: Connection, fingerprints: Iterable[str]) -> set[str]:
    """Return which of ``fingerprints`` have an open episode; nothing is held."""
    query = select(EPISODES.c.fingerprint).where(
        EPISODES.c.fingerprint.in_(list(fingerprints)), EPISODES.c.state == "firing"
    )
    return {fingerprint for (fingerprint,) in connection.execute(query)}


def open_episodes(connection: Connection, fingerprints: Iterable[str]) -> dict[str, OpenEpisode]:
    """Return the open episodes among ``fingerprints``, held against others until the transaction ends."""
    query = (
        select(EPISODES)
        .where(EPISODES.c.fingerprint.in_(list(fingerprints)), EPISODES.c.state == "firing")
        .order_by(EPISODES.c.id)
        .with_for_update()
    )
    return {
        row.fingerprint: OpenEpisode(row.id, row.incident_id, row.starts_at, row.labels, row.annotations)
        for row in connection.execute(query)
    }


def open_episode(connection: Connection, sighting: Sighting, group_key: str, now: datetime) -> int | None:
    """Write a new episode; returns its number, or None when another writer opened it a moment earlier."""
    build = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = (
        build(EPISODES)
        .values(
            fingerprint=sighting.fingerprint,
            state="firing",
            labels=dict(sighting.labels),
            annotations=dict(sighting.annotations),
            starts_at=sighting.starts_at,
            generator_url=sighting.generator_url,
            group_key=group_key,
            first_seen_at=now,
            last_seen_at=now,
            sightings=1,
        )
        # A literal: a parameter in its place stops matching the index once PostgreSQL plans without its value.
        .on_conflict_do_nothing(index_elements=["fingerprint"], index_where=text("state = 'firing'"))
        .returning(EPISODES.c.id)
    )
    return connection.execute(statement).scalar_one_or_none()


def join_incident(connection: Connection, episode_id: int, incident_id: int) -> None:
    """Make an episode part of an incident."""
    connection.execute(update(EPISODES).where(EPISODES.c.id == episode_id).values(incident_id=incident_id))


def see_again(connection: Connection, episode_id: int, sighting: Sighting, now: datetime) -> None:
    """Record that an open episode was seen once more, with what it says now."""
    connection.execute(
        update(EPISODES)
        .where(EPISODES.c.id == episode_id)
        .values(
            last_seen_at=now,
            sightings=EPISODES.c.sightings + 1,
            annotations=dict(sighting.annotations),
        )
    )


def close_episode(connection: Connection, episode_id: int, ends_at: datetime | None, now: datetime) -> None:
    """End an episode."""
    connection.execute(
        update(EPISODES)
        .where(EPISODES.c.id == episode_id)
        .values(state="resolved", ends_at=ends_at or now, last_seen_at=now)
    )


def firing_in(connection: Connection, incident_id: int) -> int:
    """Return how many episodes of an incident still fire."""
    query = (
        select(func.count())
        .select_from(EPISODES)
        .where(EPISODES.c.incident_id == incident_id, EPISODES.c.state == "firing")
    )
    return int(connection.execute(query).scalar_one())


def see_watchdog(connection: Connection, source: str, now: datetime) -> None:
    """Record a sighting of an always-firing alert."""
    build = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = build(SIGHTINGS).values(source=source, seen_at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_={"seen_at": now}))


def watchdog_last_seen(connection: Connection) -> datetime | None:
    """Return when the always-firing alert was last seen, from whichever source."""
    moment: datetime | None = connection.execute(select(func.max(SIGHTINGS.c.seen_at))).scalar()
    return moment
