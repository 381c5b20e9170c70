"""Rows of grouping: which key goes to which group, and how keys that are alike are found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from exporters.errors.joining import MOST_CANDIDATES, Candidate
from exporters.errors.similarity import Outline
from exporters.schema import ERROR_FEATURE_COUNTS as COUNTS
from exporters.schema import ERROR_GROUPING_FEATURES as FEATURES
from exporters.schema import ERROR_GROUPING_KEYS as KEYS
from exporters.schema import ERROR_GROUPS as GROUPS

ROWS_ASKED = 400
"""Rows of features that are read for one new key, at most."""
MOST_OUTLINES = 20
"""Keys of a group that are compared when its likeness to others is asked."""


@dataclass(frozen=True)
class Standing:
    """The group a key goes to, and the group's own name."""

    group: int
    fingerprint: str


@dataclass(frozen=True)
class NewKey:
    """A key that was not known, and what is compared of it."""

    key: str
    group: int
    how: str
    likeness: float | None
    outline: Outline
    features: Sequence[str]


_STANDING = (
    select(KEYS.c.key, KEYS.c.group_id, GROUPS.c.fingerprint)
    .join(GROUPS, GROUPS.c.id == KEYS.c.group_id)
    .where(KEYS.c.key.in_(bindparam("keys", expanding=True)))
)
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_NAMED = select(GROUPS.c.fingerprint, GROUPS.c.id).where(GROUPS.c.fingerprint.in_(bindparam("keys", expanding=True)))


def standings(connection: Connection, keys: Iterable[str]) -> dict[str, Standing]:
    """Return where the keys that are known go."""
    wanted = list(keys)
    if not wanted:
        return {}
    return {row.key: Standing(row.group_id, row.fingerprint) for row in connection.execute(_STANDING, {"keys": wanted})}


def named(connection: Connection, fingerprints: Iterable[str]) -> dict[str, int]:
    """Return the groups that bear these fingerprints themselves."""
    wanted = list(fingerprints)
    return {row.fingerprint: row.id for row in connection.execute(_NAMED, {"keys": wanted})} if wanted else {}


def counts(connection: Connection, features: Iterable[str]) -> dict[str, int]:
    """Return in how many keys each feature is; the empty one is all keys."""
    query = select(COUNTS).where(COUNTS.c.feature.in_(["", *features]))
    return {row.feature: int(row[1]) for row in connection.execute(query)}


def having(connection: Connection, features: Sequence[str]) -> list[Candidate]:
    """Return keys that have any of the features, the ones with most of them first."""
    if not features:
        return []
    rows = select(FEATURES.c.key).where(FEATURES.c.feature.in_(list(features))).limit(ROWS_ASKED).subquery()
    most = (
        select(rows.c.key)
        .group_by(rows.c.key)
        .order_by(func.count().desc(), rows.c.key)
        .limit(MOST_CANDIDATES)
        .subquery()
    )
    query = select(KEYS.c.group_id, KEYS.c.error_type, KEYS.c.frames).join(most, most.c.key == KEYS.c.key)
    return [_candidate(row) for row in connection.execute(query.order_by(KEYS.c.group_id, KEYS.c.key))]


def outlines_of(connection: Connection, groups: Iterable[int]) -> list[Candidate]:
    """Return what is compared of groups, of each key that goes to them."""
    query = select(KEYS.c.group_id, KEYS.c.error_type, KEYS.c.frames).where(KEYS.c.group_id.in_(list(groups)))
    return [_candidate(row) for row in connection.execute(query.order_by(KEYS.c.at, KEYS.c.key).limit(MOST_OUTLINES))]


def keys_of(connection: Connection, groups: Iterable[int], most: int) -> list[Any]:
    """Return the keys that go to groups, the first first."""
    query = select(KEYS.c.key, KEYS.c.group_id, KEYS.c.how, KEYS.c.likeness, KEYS.c.at)
    return list(connection.execute(query.where(KEYS.c.group_id.in_(list(groups))).order_by(KEYS.c.at).limit(most)))


def groups_in_slot(connection: Connection, feature: str, most: int) -> list[int]:
    """Return the groups of the keys that have a feature, the oldest first."""
    query = (
        select(KEYS.c.group_id)
        .join(FEATURES, FEATURES.c.key == KEYS.c.key)
        .where(FEATURES.c.feature == feature)
        .distinct()
        .order_by(KEYS.c.group_id)
        .limit(most)
    )
    return [row.group_id for row in connection.execute(query)]


def point(connection: Connection, groups: Iterable[int], to: int) -> None:
    """Let what goes to these groups go to another from now on; what they have stays theirs."""
    connection.execute(update(KEYS).where(KEYS.c.group_id.in_(list(groups))).values(group_id=to))


def remember(connection: Connection, new: Sequence[NewKey], now: datetime) -> None:
    """Keep new keys; one that another process has kept meanwhile stays as it is."""
    insert = _INSERTS[connection.dialect.name]
    for one in new:
        row = {
            "key": one.key,
            "group_id": one.group,
            "how": one.how,
            "likeness": one.likeness,
            "error_type": one.outline.type,
            "frames": list(one.outline.frames),
            "at": now,
        }
        kept = connection.execute(
            insert(KEYS).values(row).on_conflict_do_nothing(index_elements=["key"]).returning(KEYS.c.key)
        ).first()
        if kept is None or not one.features:
            continue
        connection.execute(insert(FEATURES), [{"feature": name, "key": one.key} for name in sorted(set(one.features))])
        more = insert(COUNTS)
        connection.execute(
            more.on_conflict_do_update(index_elements=["feature"], set_={"keys": COUNTS.c["keys"] + 1}),
            [{"feature": name, "keys": 1} for name in ["", *sorted(set(one.features))]],
        )


def titles(connection: Connection, groups: Iterable[int]) -> Mapping[int, Any]:
    """Return what is shown of groups in a list of similar ones."""
    columns = (GROUPS.c.id, GROUPS.c.title, GROUPS.c.service, GROUPS.c.level, GROUPS.c.severity, GROUPS.c.occurrences)
    return {row.id: row for row in connection.execute(select(*columns).where(GROUPS.c.id.in_(list(groups))))}


def _candidate(row: Any) -> Candidate:
    return Candidate(row.group_id, Outline(row.error_type, tuple(row.frames)))
