"""Rows of errors. Everything here takes a batch: a request of twenty reports costs hardly more than one of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, bindparam, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from exporters.errors.cleaning import CleanReport
from exporters.errors.fingerprint import Fingerprint
from exporters.schema import ERROR_GROUP_USERS as USERS
from exporters.schema import ERROR_GROUPS as GROUPS
from exporters.schema import ERROR_OCCURRENCES as OCCURRENCES
from wedsync_core.severity import Decision, Severity

USERS_COUNTED = 10_000
"""Counting stops here: far more than `many_users` can sensibly be."""


@dataclass(frozen=True)
class StoredError:
    """What is known of an event that is stored."""

    event_id: str
    group_id: int
    severity: str
    alert_triggered: bool
    decision: Mapping[str, Any]


@dataclass(frozen=True)
class NewOccurrence:
    """A judged report, ready to be a row."""

    report: CleanReport
    fingerprint: Fingerprint
    group_id: int
    decision: Decision
    alarming: bool


# Statements are built once: building one costs more than running it.
_STORED = select(
    OCCURRENCES.c.event_id,
    OCCURRENCES.c.group_id,
    OCCURRENCES.c.severity,
    OCCURRENCES.c.alert_triggered,
    OCCURRENCES.c.decision,
).where(OCCURRENCES.c.event_id.in_(bindparam("ids", expanding=True)))

_USERS_OF = select(func.count()).select_from(
    select(USERS.c.user)
    .where(USERS.c.group_id == bindparam("group"), USERS.c.last_seen_at >= bindparam("since"))
    .limit(USERS_COUNTED)
    .subquery()
)

_WORSE = GROUPS.c.severity_rank < bindparam("worst_rank")
_COUNT_IN_GROUP = (
    update(GROUPS)
    .where(GROUPS.c.id == bindparam("group"))
    .values(
        occurrences=GROUPS.c.occurrences + bindparam("more"),
        last_seen_at=bindparam("now"),
        last_release=func.coalesce(func.nullif(bindparam("release", type_=String), ""), GROUPS.c.last_release),
        severity=case((_WORSE, bindparam("worst")), else_=GROUPS.c.severity),
        severity_rank=case((_WORSE, bindparam("worst_rank")), else_=GROUPS.c.severity_rank),
    )
)


def _open_groups(insert: Any) -> Any:
    return insert(GROUPS).on_conflict_do_nothing(index_elements=["fingerprint"])


def _see_users(insert: Any) -> Any:
    seen = insert(USERS)
    return seen.on_conflict_do_update(
        index_elements=["group_id", "user"], set_={"last_seen_at": seen.excluded.last_seen_at}
    )


def _add_occurrences(insert: Any) -> Any:
    added = insert(OCCURRENCES).on_conflict_do_nothing(index_elements=["event_id"])
    return added.returning(OCCURRENCES.c.event_id)


_DIALECTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_OPEN_GROUPS, _SEE_USERS, _ADD_OCCURRENCES = (
    {dialect: build(insert) for dialect, insert in _DIALECTS.items()}
    for build in (_open_groups, _see_users, _add_occurrences)
)


def stored_errors(connection: Connection, event_ids: Iterable[str]) -> dict[str, StoredError]:
    """Return those of the events that are stored, by id."""
    wanted = list(event_ids)
    if not wanted:
        return {}
    return {row.event_id: StoredError(*row) for row in connection.execute(_STORED, {"ids": wanted})}


def open_group(connection: Connection, report: CleanReport, fingerprint: Fingerprint, now: datetime) -> int:
    """Open a group that bears the fingerprint, with no occurrences yet; returns its id, whoever opened it."""
    connection.execute(_OPEN_GROUPS[connection.dialect.name], [_group_row(report, fingerprint, now)])
    return int(connection.execute(select(GROUPS.c.id).where(GROUPS.c.fingerprint == fingerprint.key)).scalar_one())


def see_users(connection: Connection, seen: Iterable[tuple[int, str]], now: datetime) -> None:
    """Note that these users had an error of these groups now."""
    rows = [{"group_id": group, "user": user, "last_seen_at": now} for group, user in sorted(set(seen))]
    if rows:
        connection.execute(_SEE_USERS[connection.dialect.name], rows)


def count_users(connection: Connection, groups: Iterable[int], since: datetime) -> dict[int, int]:
    """Return how many users had an error of each group since then, up to USERS_COUNTED."""
    return {
        group: int(connection.execute(_USERS_OF, {"group": group, "since": since}).scalar_one())
        for group in sorted(set(groups))
    }


def add_occurrences(connection: Connection, occurrences: Sequence[NewOccurrence], now: datetime) -> set[str]:
    """Store occurrences and count them in their groups; returns the ids of those that were not there already."""
    if not occurrences:
        return set()
    rows = [_occurrence_row(one, now) for one in occurrences]
    new = set(connection.execute(_ADD_OCCURRENCES[connection.dialect.name], rows).scalars())
    _count_in_groups(connection, [one for one in occurrences if one.report.event_id in new], now)
    return new


def _count_in_groups(connection: Connection, occurrences: Sequence[NewOccurrence], now: datetime) -> None:
    by_group: dict[int, list[NewOccurrence]] = {}
    for one in occurrences:
        by_group.setdefault(one.group_id, []).append(one)
    rows = []
    for group in sorted(by_group):
        worst = max((one.decision.severity for one in by_group[group]), key=lambda severity: severity.rank)
        release = next((one.report.release for one in reversed(by_group[group]) if one.report.release), "")
        counted = {"group": group, "more": len(by_group[group]), "now": now, "release": release}
        rows.append(counted | {"worst": worst.value, "worst_rank": worst.rank})
    if rows:
        connection.execute(_COUNT_IN_GROUP, rows)


def _group_row(report: CleanReport, fingerprint: Fingerprint, now: datetime) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint.key,
        "grouping": fingerprint.as_json(),
        "title": fingerprint.title,
        "culprit": fingerprint.culprit,
        "error_type": report.error_type,
        "level": report.level,
        "service": report.service,
        "severity": Severity.LOW.value,
        "severity_rank": Severity.LOW.rank,
        "occurrences": 0,
        "first_seen_at": now,
        "last_seen_at": now,
        "first_release": report.release,
        "last_release": report.release,
    }


def _occurrence_row(one: NewOccurrence, now: datetime) -> dict[str, Any]:
    report = one.report
    return {
        "event_id": report.event_id,
        "group_id": one.group_id,
        "received_at": now,
        "occurred_at": report.occurred_at,
        "error_type": report.error_type,
        "level": report.level,
        "service": report.service,
        "type": report.type,
        "region": report.region,
        "release": report.release,
        "route": report.route,
        "trace_id": report.trace_id,
        "user": report.user,
        "severity": one.decision.severity.value,
        "severity_rank": one.decision.severity.rank,
        "alert_triggered": one.alarming,
        "decision": one.decision.as_json(),
        "report": report.as_json(),
    }
