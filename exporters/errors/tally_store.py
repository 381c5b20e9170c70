"""Rows of tallies and of the counts they become. Counts are read by their buckets, never from the occurrences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, delete, func, insert, literal_column, or_, select, union_all
from sqlalchemy.engine import Connection
from sqlalchemy.sql import ColumnElement

from exporters.errors.tally import DAY, HOUR, MINUTE, Folded
from exporters.schema import ERROR_COUNTS as COUNTS
from exporters.schema import ERROR_RELEASES as RELEASES
from exporters.schema import ERROR_TALLIES as TALLIES
from exporters.schema import ERROR_TRAITS as TRAITS
from exporters.schema import ERROR_USERS as USERS
from wedsync_core.storage import upsert

USERS_COUNTED = 10_000
"""Of each key: counting stops here, where a figure only says `very many`."""


_ADD_TALLY = insert(TALLIES)
"""Built once: building a statement costs more than running it, and every request does."""


@dataclass(frozen=True)
class Window:
    """Whole minutes, in seconds since 1970: from `since` to before `until`."""

    since: int
    until: int

    def pieces(self) -> Iterator[tuple[int, int, int]]:
        """Give (resolution, since, until): days where whole days fit, hours around them, minutes at the edges."""
        yield from _pieces(self.since, self.until, (DAY, HOUR, MINUTE))


def _pieces(since: int, until: int, resolutions: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    if since >= until:
        return
    resolution, *finer = resolutions
    first, last = -(-since // resolution) * resolution, until // resolution * resolution
    if not finer:
        yield resolution, since, until
    elif first >= last:
        yield from _pieces(since, until, tuple(finer))
    else:
        yield from _pieces(since, first, tuple(finer))
        yield resolution, first, last
        yield from _pieces(last, until, tuple(finer))


def add_tally(connection: Connection, entries: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Keep what one request added."""
    if entries:
        connection.execute(_ADD_TALLY, {"received_at": now, "entries": list(entries)})


def take_tallies(connection: Connection, limit: int) -> list[tuple[datetime, Sequence[Mapping[str, Any]]]]:
    """Take the oldest tallies out, to be folded in the same transaction."""
    query = select(TALLIES).order_by(TALLIES.c.id).limit(limit).with_for_update(skip_locked=True)
    rows = connection.execute(query).all()
    if rows:
        connection.execute(delete(TALLIES).where(TALLIES.c.id.in_([row.id for row in rows])))
    return [(row.received_at, row.entries) for row in rows]


def waiting(connection: Connection) -> tuple[int, datetime | None]:
    """Return how many tallies wait to be folded, and since when the oldest has."""
    count, oldest = connection.execute(select(func.count(), func.min(TALLIES.c.received_at))).one()
    return int(count), oldest


def backlog(connection: Connection) -> int:
    """Return about how many tallies wait, without reading them: their numbers follow each other."""
    oldest, newest = connection.execute(select(func.min(TALLIES.c.id), func.max(TALLIES.c.id))).one()
    return 0 if newest is None else int(newest - oldest) + 1


def any_waiting(connection: Connection) -> bool:
    """Tell whether a tally waits."""
    return connection.execute(select(TALLIES.c.id).limit(1)).first() is not None


def add_folded(connection: Connection, folded: Folded) -> None:
    """Add what was folded to the counts. In the order of the keys, so that two folders never lock crosswise."""
    _add_counts(connection, folded)
    _add_traits(connection, folded)
    _add_users(connection, folded)
    if folded.releases:
        rows = [
            {"service": service, "release": release, "first_seen_at": at}
            for (service, release), at in sorted(folded.releases.items())
        ]
        connection.execute(upsert(connection, RELEASES).on_conflict_do_nothing(), rows)


def counts_by(
    connection: Connection, dimension: str, window: Window, severity: str | None, limit: int
) -> list[Row[Any]]:
    """Return key, severity, errors, first_seen and last_seen (microseconds) of the most frequent values.

    One row for each value and severity, of `limit` values at most.
    """
    inner: Any = _counted(dimension, window, severity).subquery()
    values = func.sum(func.sum(inner.c.errors)).over(partition_by=inner.c.value).label("of_value")
    summed = (
        select(
            inner.c.value.label("key"),
            inner.c.severity,
            func.sum(inner.c.errors).label("errors"),
            func.min(inner.c.first_seen).label("first_seen"),
            func.max(inner.c.last_seen).label("last_seen"),
            values,
        )
        .group_by(inner.c.value, inner.c.severity)
        .subquery()
    )
    ranked = select(
        summed, func.dense_rank().over(order_by=(summed.c.of_value.desc(), summed.c.key)).label("place")
    ).subquery()
    return list(connection.execute(select(ranked).where(ranked.c.place <= limit)))


def total(connection: Connection, window: Window, severity: str | None) -> int:
    """Return how many errors there were."""
    inner = _counted("severity", window, severity).subquery()
    return int(connection.execute(select(func.coalesce(func.sum(inner.c.errors), 0))).scalar_one())


def users_by(connection: Connection, dimension: str, keys: Iterable[str], since_micros: int) -> dict[str, int]:
    """Return how many users had an error of each key since then; up to USERS_COUNTED."""
    found = {}
    for key in keys:
        some: Any = select(literal_column("1")).select_from(USERS).where(_seen(dimension, key, since_micros))
        query = select(func.count()).select_from(some.limit(USERS_COUNTED).subquery())
        found[key] = int(connection.execute(query).scalar_one())
    return found


def users_of_groups(connection: Connection, groups: Iterable[int], since_micros: int) -> dict[str, int]:
    """Return the users of some groups together since then, each once, by role. Exact."""
    values = [str(group) for group in groups]
    seen = (
        select(USERS.c.user, func.min(USERS.c.role).label("role"))
        .where(
            USERS.c.dimension == "group",
            USERS.c.value.in_(values),
            USERS.c.last_seen >= since_micros,
        )
        .group_by(USERS.c.user)
        .subquery()
    )
    query = select(seen.c.role, func.count()).group_by(seen.c.role)
    return {str(role): int(count) for role, count in connection.execute(query)}


def series(connection: Connection, dimension: str, resolution: int, since: int, until: int) -> list[Row[Any]]:
    """Return start, severity and errors of each bucket, over all values."""
    query = (
        select(COUNTS.c.start, COUNTS.c.severity, func.sum(COUNTS.c.errors).label("errors"))
        .where(COUNTS.c.dimension == dimension, COUNTS.c.resolution == resolution, COUNTS.c.start.between(since, until))
        .group_by(COUNTS.c.start, COUNTS.c.severity)
        .order_by(COUNTS.c.start)
    )
    return list(connection.execute(query))


def errors_in_buckets(
    connection: Connection, dimension: str, resolution: int, starts: Sequence[int], values: Sequence[str] | None = None
) -> dict[tuple[str, int], int]:
    """Return the errors of single buckets, by value and start."""
    query = (
        select(COUNTS.c.value, COUNTS.c.start, func.sum(COUNTS.c.errors))
        .where(COUNTS.c.dimension == dimension, COUNTS.c.resolution == resolution, COUNTS.c.start.in_(list(starts)))
        .group_by(COUNTS.c.value, COUNTS.c.start)
    )
    if values is not None:
        query = query.where(COUNTS.c.value.in_(list(values)))
    return {(str(value), int(start)): int(errors) for value, start, errors in connection.execute(query)}


def errors_by(
    connection: Connection, dimension: str, window: Window, values: Sequence[str] | None = None
) -> dict[str, int]:
    """Return the errors of a window by value; of `values` only, when given."""
    inner = _counted(dimension, window, None, values).subquery()
    query = select(inner.c.value, func.sum(inner.c.errors)).group_by(inner.c.value)
    return {str(value): int(errors) for value, errors in connection.execute(query)}


def loudest(connection: Connection, window: Window, limit: int) -> dict[int, int]:
    """Return the errors of the groups that had the most in a window."""
    inner: Any = _counted("group", window, None).subquery()
    errors = func.sum(inner.c.errors)
    query = select(inner.c.value, errors).group_by(inner.c.value).order_by(errors.desc(), inner.c.value).limit(limit)
    return {int(value): int(count) for value, count in connection.execute(query)}


def traits_of(connection: Connection, groups: Sequence[int], window: Window) -> list[Row[Any]]:
    """Return group_id, trait, value and errors; whole hours, the first and last with all that they hold."""
    hours = Window(window.since // HOUR * HOUR, -(-window.until // HOUR) * HOUR)
    parts = [
        select(TRAITS.c.group_id, TRAITS.c.trait, TRAITS.c.value, TRAITS.c.errors).where(
            TRAITS.c.resolution == resolution,
            TRAITS.c.start >= since,
            TRAITS.c.start < until,
            TRAITS.c.group_id.in_(list(groups)),
        )
        for resolution, since, until in hours.pieces()
    ]
    inner: Any = union_all(*parts).subquery()
    query = select(inner.c.group_id, inner.c.trait, inner.c.value, func.sum(inner.c.errors).label("errors"))
    return list(connection.execute(query.group_by(inner.c.group_id, inner.c.trait, inner.c.value)))


def releases_of(connection: Connection, services: Iterable[str]) -> dict[str, dict[str, datetime]]:
    """Return when each release of these services was first heard of."""
    found: dict[str, dict[str, datetime]] = {}
    query = select(RELEASES).where(RELEASES.c.service.in_(sorted(set(services))))
    for row in connection.execute(query):
        found.setdefault(row.service, {})[row.release] = row.first_seen_at
    return found


def releases_since(connection: Connection, since: datetime, limit: int) -> list[Row[Any]]:
    """Return service, release and first_seen_at of the releases first heard of since then, the latest first."""
    query = select(RELEASES).where(RELEASES.c.first_seen_at >= since)
    return list(connection.execute(query.order_by(RELEASES.c.first_seen_at.desc()).limit(limit)))


def _counted(dimension: str, window: Window, severity: str | None, values: Sequence[str] | None = None) -> Any:
    columns = COUNTS.c.value, COUNTS.c.severity, COUNTS.c.errors, COUNTS.c.first_seen, COUNTS.c.last_seen
    parts = []
    for resolution, since, until in window.pieces():
        part = select(*columns).where(
            COUNTS.c.dimension == dimension,
            COUNTS.c.resolution == resolution,
            COUNTS.c.start >= since,
            COUNTS.c.start < until,
        )
        if severity is not None:
            part = part.where(COUNTS.c.severity == severity)
        if values is not None:
            part = part.where(COUNTS.c.value.in_(list(values)))
        parts.append(part)
    return union_all(*parts)


def _seen(dimension: str, key: str, since_micros: int) -> ColumnElement[bool]:
    return and_(USERS.c.dimension == dimension, USERS.c.value == key, USERS.c.last_seen >= since_micros)


def _add_counts(connection: Connection, folded: Folded) -> None:
    rows = [
        {
            **dict(zip(("dimension", "resolution", "start", "value", "severity"), key, strict=True)),
            "errors": errors,
            "first_seen": first,
            "last_seen": last,
        }
        for key, (errors, first, last) in sorted(folded.counts.items())
    ]
    if not rows:
        return
    added = upsert(connection, COUNTS)
    new = added.excluded
    earlier, later = COUNTS.c.first_seen < new.first_seen, COUNTS.c.last_seen > new.last_seen
    statement = added.on_conflict_do_update(
        index_elements=["dimension", "resolution", "start", "value", "severity"],
        set_={
            "errors": COUNTS.c.errors + new.errors,
            "first_seen": case((earlier, COUNTS.c.first_seen), else_=new.first_seen),
            "last_seen": case((later, COUNTS.c.last_seen), else_=new.last_seen),
        },
    )
    connection.execute(statement, rows)


def _add_traits(connection: Connection, folded: Folded) -> None:
    names = ("resolution", "start", "group_id", "trait", "value")
    rows = [{**dict(zip(names, key, strict=True)), "errors": errors} for key, errors in sorted(folded.traits.items())]
    if rows:
        added = upsert(connection, TRAITS)
        statement = added.on_conflict_do_update(
            index_elements=list(names), set_={"errors": TRAITS.c.errors + added.excluded.errors}
        )
        connection.execute(statement, rows)


def _add_users(connection: Connection, folded: Folded) -> None:
    names = ("dimension", "value", "user")
    rows = [
        {**dict(zip(names, key, strict=True)), "role": role, "last_seen": at}
        for key, (role, at) in sorted(folded.users.items())
    ]
    if rows:
        added = upsert(connection, USERS)
        statement = added.on_conflict_do_update(
            index_elements=list(names),
            set_={"role": added.excluded.role, "last_seen": added.excluded.last_seen},
            where=or_(USERS.c.last_seen < added.excluded.last_seen, USERS.c.role != added.excluded.role),
        )
        connection.execute(statement, rows)
