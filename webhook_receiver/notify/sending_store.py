"""Rows on their way out: claimed under a lease as one message, and finished under its fence, the call's number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, exists, func, insert, or_, select, text, update
from sqlalchemy.engine import Connection

from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.notify.rules import LIMIT, RETRY, STEP
from webhook_receiver.schema import ATTEMPTS, EVENTS, INCIDENTS, NOTIFICATIONS

LEASE = timedelta(seconds=30)
"""How long a claimed page may stay unfinished before another claims it. Longer than any channel's timeout."""
MOST_TOGETHER = 20_000
"""Pages looked at for one message; more than a storm of ten thousand alerts queues for a person and channel."""
_CLAIMING = 259_000_002
"""Key of the PostgreSQL advisory lock under which pages are claimed: two replicas may not fill one slot twice."""
_CHUNK = 5_000
"""Values in one statement; SQLite takes 32,766, PostgreSQL 65,535."""
# Built once: building a statement costs more than running it, and a storm makes many calls.
_BEGIN_CALL = insert(ATTEMPTS).returning(ATTEMPTS.c.id)
_BEGIN_PAGES = (
    update(NOTIFICATIONS)
    .where(NOTIFICATIONS.c.id.in_(bindparam("pages", expanding=True)), NOTIFICATIONS.c.state == "queued")
    .values(attempts=NOTIFICATIONS.c.attempts + 1)
)


@dataclass(frozen=True)
class Waiting:
    """A page that may be sent now."""

    page_id: int
    incident_id: int
    rank: int
    subject: str
    key: str
    bundle: str | None
    maybe_sent: bool
    attempts: int
    address: str | None


@dataclass(frozen=True)
class Message:
    """Pages claimed to go out as one message. ``call_id`` is the fence: a finish under another changes nothing."""

    call_id: int
    key: str
    person: str
    channel: str
    address: str | None
    attempts: dict[int, int]
    """The number of this attempt, for each page."""
    maybe_repeat: bool


def lock(connection: Connection) -> None:
    """Let nobody else claim until the transaction ends. A replica that is paused meanwhile is cut off by the server."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '10s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CLAIMING})


def anything_due(connection: Connection, now: datetime) -> bool:
    """Return whether there is something to claim: a page that is due, or one whose sender was lost."""
    return bool(connection.execute(select(exists().where(or_(_due(now), _lost(now))))).scalar_one())


def take_over_lost(connection: Connection, now: datetime) -> int:
    """Give back the pages of senders whose lease ran out, in doubt whether they went; returns how many calls it was."""
    lost = select(NOTIFICATIONS.c.fence).where(_lost(now)).distinct()
    calls = [call_id for (call_id,) in connection.execute(lost)]
    for some in _chunks(calls):
        finish_call(connection, some, outcome="unknown", problem="its sender was lost", now=now)
        hasten_next_steps(connection, some, now)
        values = {"state": "queued", "due_at": now, "hold": None, "maybe_sent": True, "lease_until": None}
        connection.execute(
            update(NOTIFICATIONS)
            .where(NOTIFICATIONS.c.fence.in_(some), NOTIFICATIONS.c.state == "sending")
            .values(values)
        )
    return len(calls)


def due_lanes(connection: Connection, now: datetime) -> list[tuple[str, str]]:
    """Return each person and channel with a page that is due, the most severe first."""
    query = (
        select(NOTIFICATIONS.c.person, NOTIFICATIONS.c.channel)
        .where(_due(now))
        .group_by(NOTIFICATIONS.c.person, NOTIFICATIONS.c.channel)
        .order_by(func.max(NOTIFICATIONS.c.severity_rank).desc(), func.min(NOTIFICATIONS.c.id))
    )
    return [(person, channel) for person, channel in connection.execute(query)]


def waiting(connection: Connection, lane: tuple[str, str], now: datetime, most: int | None) -> list[Waiting]:
    """Return what may go to a person by a channel, the most severe first, and then the oldest."""
    query = (
        select(
            NOTIFICATIONS.c.id,
            NOTIFICATIONS.c.incident_id,
            NOTIFICATIONS.c.severity_rank,
            NOTIFICATIONS.c.message["subject"].as_string(),
            NOTIFICATIONS.c.idempotency_key,
            NOTIFICATIONS.c.bundle,
            NOTIFICATIONS.c.maybe_sent,
            NOTIFICATIONS.c.attempts,
            NOTIFICATIONS.c.address,
        )
        .where(
            NOTIFICATIONS.c.person == lane[0],
            NOTIFICATIONS.c.channel == lane[1],
            NOTIFICATIONS.c.state == "queued",
            or_(NOTIFICATIONS.c.due_at <= now, NOTIFICATIONS.c.hold == LIMIT),
        )
        .order_by(NOTIFICATIONS.c.severity_rank.desc(), NOTIFICATIONS.c.id)
        .limit(most or MOST_TOGETHER)
        # A row that an acknowledgement is just withdrawing is left to it.
        .with_for_update(skip_locked=True)
    )
    return [Waiting(*row) for row in connection.execute(query)]


def recent_calls(connection: Connection, lane: tuple[str, str], since: datetime) -> list[Row[Any]]:
    """Return the calls for a person and channel that reached the person, or may have, or still may."""
    query = select(
        ATTEMPTS.c.message_key,
        ATTEMPTS.c.severity_rank,
        ATTEMPTS.c.outcome,
        ATTEMPTS.c.finished_at,
    ).where(
        ATTEMPTS.c.person == lane[0],
        ATTEMPTS.c.channel == lane[1],
        ATTEMPTS.c.started_at > since - LEASE,
        ATTEMPTS.c.outcome.in_(("sending", "sent", "unknown")),
    )
    return list(connection.execute(query.order_by(ATTEMPTS.c.id)))


def begin(
    connection: Connection, lane: tuple[str, str], key: str, pages: Sequence[Waiting], now: datetime, replica: int
) -> Message:
    """Claim pages as one message under a lease, and note the call that ``replica`` is about to make."""
    call = {
        "message_key": key,
        "person": lane[0],
        "channel": lane[1],
        "severity_rank": max(page.rank for page in pages),
        "pages": len(pages),
        "started_at": now,
        "outcome": "sending",
        "replica": replica,
    }
    call_id = int(connection.execute(_BEGIN_CALL, call).scalar_one())
    values = {"state": "sending", "fence": call_id, "bundle": key, "lease_until": now + LEASE, "hold": None}
    for some in _chunks([page.page_id for page in pages]):
        connection.execute(_BEGIN_PAGES, {**values, "pages": some})
    return Message(
        call_id=call_id,
        key=key,
        person=lane[0],
        channel=lane[1],
        address=pages[0].address,
        attempts={page.page_id: page.attempts + 1 for page in pages},
        maybe_repeat=any(page.maybe_sent for page in pages),
    )


def hold_back(connection: Connection, pages: Iterable[Waiting], until: datetime) -> None:
    """Let pages wait for a slot."""
    for some in _chunks([page.page_id for page in pages]):
        connection.execute(
            update(NOTIFICATIONS)
            .where(NOTIFICATIONS.c.id.in_(some), NOTIFICATIONS.c.state == "queued")
            .values(due_at=until, hold=LIMIT)
        )


def claimed(connection: Connection, call_id: int) -> list[Row[Any]]:
    """Return the pages that a message still holds, and whether each is still wanted: nobody acknowledged or resolved.

    Of a message of many only the subjects are read.
    """
    # News goes to those who have acknowledged; everything else stops when somebody has.
    wanted = or_(
        INCIDENTS.c.status == "open",
        and_(NOTIFICATIONS.c.purpose == "update", INCIDENTS.c.status != "resolved"),
    )
    query = (
        select(
            NOTIFICATIONS.c.id,
            NOTIFICATIONS.c.incident_id,
            NOTIFICATIONS.c.message["subject"].as_string().label("subject"),
            NOTIFICATIONS.c.wanted_at,
            NOTIFICATIONS.c.created_at,
            INCIDENTS.c.severity,
            INCIDENTS.c.wedding_impact,
            INCIDENTS.c.current_escalation_level,
            INCIDENTS.c.escalation_cycle,
            NOTIFICATIONS.c.severity_rank,
            wanted.label("wanted"),
        )
        .select_from(NOTIFICATIONS.join(INCIDENTS, NOTIFICATIONS.c.incident_id == INCIDENTS.c.id))
        .where(NOTIFICATIONS.c.fence == call_id, NOTIFICATIONS.c.state == "sending")
        .order_by(NOTIFICATIONS.c.severity_rank.desc(), NOTIFICATIONS.c.id)
    )
    return list(connection.execute(query))


def message_of(connection: Connection, page_id: int) -> Any:
    """Return the stored form of one page."""
    return connection.execute(select(NOTIFICATIONS.c.message).where(NOTIFICATIONS.c.id == page_id)).scalar_one()


def hold_incidents(connection: Connection, incident_ids: Iterable[int]) -> None:
    """Hold incidents until the transaction ends, before their pages: in the order in which acknowledging does it."""
    for some in _chunks(sorted(set(incident_ids))):
        connection.execute(
            select(INCIDENTS.c.id)
            .where(INCIDENTS.c.id.in_(some))
            .order_by(INCIDENTS.c.id)
            .with_for_update(key_share=True)
        )


def finish_call(
    connection: Connection, calls: Sequence[int], *, outcome: str, problem: str | None, now: datetime
) -> None:
    """Note what came of calls. A sender that was given up for lost and answers after all corrects what is known."""
    connection.execute(
        update(ATTEMPTS).where(ATTEMPTS.c.id.in_(calls)).values(outcome=outcome, problem=problem, finished_at=now)
    )


def unmake_call(connection: Connection, call_id: int) -> None:
    """Forget a call that was never made, because nothing in it was wanted any more."""
    connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.id == call_id))


def finish_pages(
    connection: Connection, call_id: int, page_ids: Sequence[int], values: dict[str, Any]
) -> list[tuple[int, int]]:
    """Move pages on that the call still holds; returns the number and the incident of each that was ours to move."""
    moved: list[tuple[int, int]] = []
    for some in _chunks(page_ids):
        statement = (
            update(NOTIFICATIONS)
            .where(
                NOTIFICATIONS.c.id.in_(some),
                NOTIFICATIONS.c.fence == call_id,
                NOTIFICATIONS.c.state == "sending",
            )
            .values(lease_until=None, **values)
            .returning(NOTIFICATIONS.c.id, NOTIFICATIONS.c.incident_id)
        )
        moved += [(page_id, incident_id) for page_id, incident_id in connection.execute(statement)]
    return moved


def retry_values(due_at: datetime, problem: str, *, unknown: bool) -> dict[str, Any]:
    """Return what a page becomes that goes again."""
    doubt = {"maybe_sent": True} if unknown else {}
    return {"state": "queued", "due_at": due_at, "hold": RETRY, "last_error": problem, **doubt}


def hasten_next_steps(connection: Connection, calls: Sequence[int], now: datetime) -> int:
    """Make the next way of telling due at once, for everything that calls failed to tell; returns how many pages."""
    failed = NOTIFICATIONS.alias("failed")
    earlier = NOTIFICATIONS.alias("earlier")
    chains = select(failed.c.chain).where(failed.c.fence.in_(calls), failed.c.chain != "")
    statement = (
        update(NOTIFICATIONS)
        .where(
            NOTIFICATIONS.c.chain.in_(chains),
            NOTIFICATIONS.c.state == "queued",
            NOTIFICATIONS.c.hold == STEP,
            NOTIFICATIONS.c.due_at > now,
            # One further step, not all: each has its turn.
            ~exists().where(
                earlier.c.chain == NOTIFICATIONS.c.chain,
                earlier.c.state == "queued",
                earlier.c.hold == STEP,
                earlier.c.position < NOTIFICATIONS.c.position,
            ),
        )
        .values(due_at=now, wanted_at=now, hold=None)
    )
    return connection.execute(statement).rowcount


def log_pages(
    connection: Connection, kind: EventKind, details: Sequence[tuple[int, dict[str, Any]]], now: datetime
) -> None:
    """Append one line to the log of each incident (number, detail)."""
    lines = [
        {"incident_id": incident_id, "created_at": now, "kind": kind.value, "actor": "receiver", "detail": detail}
        for incident_id, detail in details
    ]
    if lines:
        connection.execute(insert(EVENTS), lines)


def _due(now: datetime) -> Any:
    return and_(NOTIFICATIONS.c.state == "queued", NOTIFICATIONS.c.due_at <= now)


def _lost(now: datetime) -> Any:
    return and_(NOTIFICATIONS.c.state == "sending", NOTIFICATIONS.c.lease_until <= now)


def _chunks(values: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
