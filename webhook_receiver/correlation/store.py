"""Rows of what incidents are about and of what people ruled."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from webhook_receiver.correlation.decision import OpenIncident, Part
from webhook_receiver.incidents.incident import ACTIVE
from webhook_receiver.schema import EPISODES, INCIDENT_SERVICES, INCIDENTS, RULINGS
from wedsync_core.storage import upsert

_PLACES = 7_359_001
"""The advisory lock under which alerts are placed and incidents merged. Any number, the same in every replica."""
_ROWS_AT_ONCE = 500
LONGEST_SERVICE = 200
"""Of a name as it is written beside its incident."""


@dataclass(frozen=True)
class Rulings:
    """The fingerprints that people put together with an alert, and those they put apart from it."""

    together: frozenset[str]
    apart: frozenset[str]


# The statements of the way of an alert are built once: building one costs more than running it.
_RULINGS_OF = select(RULINGS).where(
    or_(RULINGS.c.left == bindparam("fingerprint"), RULINGS.c.right == bindparam("fingerprint"))
)
_LAST = (
    select(EPISODES.c.incident_id)
    .where(EPISODES.c.fingerprint == bindparam("fingerprint"), EPISODES.c.incident_id.is_not(None))
    .order_by(EPISODES.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
_BY_NAME = INCIDENTS.c.id.in_(
    select(INCIDENT_SERVICES.c.incident_id).where(
        INCIDENT_SERVICES.c.service.in_(bindparam("names", expanding=True)),
        INCIDENT_SERVICES.c.last_alert_at >= bindparam("since"),
    )
)
_RULED = INCIDENTS.c.id.in_(
    select(EPISODES.c.incident_id).where(EPISODES.c.fingerprint.in_(bindparam("ruled", expanding=True)))
)


def _open(*found: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            INCIDENTS.c.id,
            INCIDENTS.c.created_at,
            INCIDENTS.c.alerts,
            INCIDENTS.c.suppressed_by,
            (INCIDENTS.c.id == _LAST).label("returned"),
            INCIDENT_SERVICES.c.service,
            INCIDENT_SERVICES.c.third_party,
            INCIDENT_SERVICES.c.facts,
            INCIDENT_SERVICES.c.last_alert_at,
        )
        .join(INCIDENT_SERVICES, INCIDENT_SERVICES.c.incident_id == INCIDENTS.c.id)
        .where(or_(*found), INCIDENTS.c.status.in_([status.value for status in ACTIVE]))
        .order_by(INCIDENTS.c.id, INCIDENT_SERVICES.c.service)
    )


_OPEN = _open(_BY_NAME, INCIDENTS.c.id == _LAST)
_OPEN_NEAR = (
    select(
        INCIDENTS.c.id,
        INCIDENTS.c.created_at,
        INCIDENTS.c.alerts,
        INCIDENTS.c.suppressed_by,
        INCIDENT_SERVICES.c.service,
        INCIDENT_SERVICES.c.third_party,
        INCIDENT_SERVICES.c.facts,
        INCIDENT_SERVICES.c.last_alert_at,
    )
    .join(INCIDENT_SERVICES, INCIDENT_SERVICES.c.incident_id == INCIDENTS.c.id)
    .where(_BY_NAME, INCIDENTS.c.status.in_([status.value for status in ACTIVE]))
    .order_by(INCIDENTS.c.id, INCIDENT_SERVICES.c.service)
)
_OPEN_RULED = _open(_BY_NAME, INCIDENTS.c.id == _LAST, _RULED)
_EXPLAIN = update(EPISODES).where(EPISODES.c.fingerprint == bindparam("alert"), EPISODES.c.state == "firing")
_RULED_ALERTS = select(RULINGS.c.left, RULINGS.c.right).where(
    or_(
        RULINGS.c.left.in_(bindparam("fingerprints", expanding=True)),
        RULINGS.c.right.in_(bindparam("fingerprints", expanding=True)),
    )
)
_ADD_PARTS = insert(INCIDENT_SERVICES)
_FORGET_PARTS = delete(INCIDENT_SERVICES).where(INCIDENT_SERVICES.c.incident_id == bindparam("incident"))
_SEEN = update(INCIDENT_SERVICES).where(INCIDENT_SERVICES.c.incident_id == bindparam("incident"))


def hold_places(connection: Connection) -> None:
    """Let nobody else place an alert until the transaction ends: two replicas would open two incidents for one cause.

    SQLite has one writer at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_PLACES)))


def rulings_of(connection: Connection, fingerprint: str) -> Rulings:
    """Return what people ruled about an alert."""
    verdicts: dict[str, set[str]] = {"together": set(), "apart": set()}
    for row in connection.execute(_RULINGS_OF, {"fingerprint": fingerprint}):
        verdicts[row.verdict].add(row.right if row.left == fingerprint else row.left)
    return Rulings(frozenset(verdicts["together"]), frozenset(verdicts["apart"]))


def rule(
    connection: Connection,
    pairs: Iterable[tuple[str, str]],
    verdict: str,
    *,
    by: str,
    now: datetime,
) -> None:
    """Write what a person ruled about pairs of fingerprints; a later ruling replaces an earlier one."""
    ordered = sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})
    for start in range(0, len(ordered), _ROWS_AT_ONCE):
        rows = [
            {"left": left, "right": right, "verdict": verdict, "created_at": now, "created_by": by}
            for left, right in ordered[start : start + _ROWS_AT_ONCE]
        ]
        statement = upsert(connection, RULINGS).values(rows)
        changed = {name: statement.excluded[name] for name in ("verdict", "created_at", "created_by")}
        connection.execute(statement.on_conflict_do_update(index_elements=["left", "right"], set_=changed))


def open_incidents(
    connection: Connection, fingerprint: str, names: Collection[str], rulings: Rulings, since: datetime
) -> list[OpenIncident]:
    """Return the incidents not over that an alert may belong to: by a name, by a ruling, or because it was in it."""
    known = {"fingerprint": fingerprint, "names": list(names), "since": since, "ruled": list(rulings.together)}
    rows: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(_OPEN_RULED if rulings.together else _OPEN, known):
        rows.setdefault(row.id, []).append(row)
    members = _members(connection, rows, rulings.together | rulings.apart)
    return [
        OpenIncident(
            incident_id=incident_id,
            opened_at=parts[0].created_at,
            last_alert_at=parts[0].last_alert_at,
            alerts=parts[0].alerts,
            parts=tuple(_part(row) for row in parts),
            suppressed=parts[0].suppressed_by is not None,
            together=bool(members.get(incident_id, set()) & rulings.together),
            apart=bool(members.get(incident_id, set()) & rulings.apart),
            had_this_alert=bool(parts[0].returned),
        )
        for incident_id, parts in rows.items()
    ]


def ruled_alerts(connection: Connection, fingerprints: Collection[str]) -> set[str]:
    """Return those of ``fingerprints`` that people ruled anything about."""
    rows = connection.execute(_RULED_ALERTS, {"fingerprints": list(fingerprints)})
    return {fingerprint for row in rows for fingerprint in row} & set(fingerprints)


def incidents_near(connection: Connection, names: Collection[str], since: datetime) -> list[OpenIncident]:
    """Return the incidents not over that are about one of ``names`` and whose latest alert came after ``since``.

    For alerts that never fired before and that nobody ruled about: nothing else can bring those into an incident.
    """
    rows: dict[int, list[Any]] = {}
    for row in connection.execute(_OPEN_NEAR, {"names": list(names), "since": since}):
        rows.setdefault(row.id, []).append(row)
    return [
        OpenIncident(
            incident_id=incident_id,
            opened_at=parts[0].created_at,
            last_alert_at=parts[0].last_alert_at,
            alerts=parts[0].alerts,
            parts=tuple(_part(row) for row in parts),
            suppressed=parts[0].suppressed_by is not None,
        )
        for incident_id, parts in rows.items()
    ]


def parts_of_incident(connection: Connection, incident_id: int) -> tuple[Part, ...]:
    """Return what an incident is about."""
    query = (
        select(INCIDENT_SERVICES)
        .where(INCIDENT_SERVICES.c.incident_id == incident_id)
        .order_by(INCIDENT_SERVICES.c.service)
    )
    return tuple(_part(row) for row in connection.execute(query))


def write_parts(
    connection: Connection, incident_id: int, parts: Iterable[Part], last_alert_at: datetime | None
) -> None:
    """Write what an incident is about in place of what it was about, and when its latest alert came."""
    connection.execute(delete(INCIDENT_SERVICES).where(INCIDENT_SERVICES.c.incident_id == incident_id))
    add_parts(connection, incident_id, parts, last_alert_at)


def see_alert(connection: Connection, incident_id: int, last_alert_at: datetime | None) -> None:
    """Write when an incident's latest alert came; what it is about has not changed."""
    connection.execute(_SEEN, {"incident": incident_id, "last_alert_at": last_alert_at})


def add_parts(connection: Connection, incident_id: int, parts: Iterable[Part], last_alert_at: datetime | None) -> None:
    """Write what a new incident is about."""
    add_all_parts(connection, [(incident_id, parts, last_alert_at)])


def add_all_parts(connection: Connection, incidents: Iterable[tuple[int, Iterable[Part], datetime | None]]) -> None:
    """Write what several new incidents are about, and when the latest alert of each came."""
    rows = [
        {
            "incident_id": incident_id,
            "service": part.service[:LONGEST_SERVICE],
            "third_party": part.third_party,
            "facts": {
                "workflows": sorted(part.workflows),
                "regions": sorted(part.regions) if part.regions else None,
                "types": sorted(part.types),
                "direct": part.direct,
                "by_rule": part.by_rule,
            },
            "last_alert_at": last_alert_at,
        }
        for incident_id, parts, last_alert_at in incidents
        for part in parts
    ]
    if rows:
        connection.execute(_ADD_PARTS, rows)


def forget_parts(connection: Connection, incident_ids: Iterable[int]) -> None:
    """Forget what incidents were about; what they are about now is written next."""
    rows = [{"incident": incident_id} for incident_id in incident_ids]
    if rows:
        connection.execute(_FORGET_PARTS, rows)


def see_alerts(connection: Connection, seen: Iterable[tuple[int, datetime | None]]) -> None:
    """Write when the latest alert of each incident came; what they are about has not changed."""
    rows = [{"incident": incident_id, "last_alert_at": moment} for incident_id, moment in seen]
    if rows:
        connection.execute(_SEEN, rows)


def explain_episode(connection: Connection, fingerprint: str, reason: str, sentence: str) -> None:
    """Keep with an alert that fires why it is where it is."""
    values = {"correlation": {"reason": reason, "sentence": sentence}, "alert": fingerprint}
    connection.execute(_EXPLAIN, values)


def move_episodes(connection: Connection, before: int, after: int, fingerprints: Collection[str] | None = None) -> None:
    """Make the episodes of one incident those of another: all, or those of some fingerprints."""
    statement = update(EPISODES).where(EPISODES.c.incident_id == before).values(incident_id=after)
    if fingerprints is not None:
        statement = statement.where(EPISODES.c.fingerprint.in_(list(fingerprints)))
    connection.execute(statement)


def episodes_of(connection: Connection, incident_id: int) -> Sequence[Row[Any]]:
    """Return an incident's episodes, oldest first."""
    return connection.execute(
        select(EPISODES).where(EPISODES.c.incident_id == incident_id).order_by(EPISODES.c.id)
    ).all()


def _members(connection: Connection, incident_ids: Iterable[int], fingerprints: Collection[str]) -> dict[int, set[str]]:
    wanted = list(incident_ids)
    if not wanted or not fingerprints:
        return {}
    query = select(EPISODES.c.incident_id, EPISODES.c.fingerprint).where(
        EPISODES.c.incident_id.in_(wanted), EPISODES.c.fingerprint.in_(list(fingerprints))
    )
    found: dict[int, set[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.incident_id, set()).add(row.fingerprint)
    return found


def _part(row: Row[Any]) -> Part:
    facts = row.facts
    return Part(
        service=row.service,
        third_party=row.third_party,
        workflows=frozenset(facts["workflows"]),
        regions=frozenset(facts["regions"]) if facts["regions"] else None,
        types=frozenset(facts["types"]),
        direct=facts["direct"],
        by_rule=facts["by_rule"],
    )
