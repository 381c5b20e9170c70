"""Rows of the ledger of uploads that failed: nobody can take these photos again, so none may be forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, case, func, or_, select
from sqlalchemy.engine import Connection

from exporters.errors.tally import FailedUpload
from exporters.schema import ERROR_UPLOADS as UPLOADS
from wedsync_core.storage import upsert

MOST_WEDDINGS = 100


@dataclass(frozen=True)
class Standing:
    """What is lost as of now, by region."""

    uploads: dict[str, int]
    weddings: dict[str, int]
    oldest_at: datetime | None


_LOST = and_(UPLOADS.c.recovered_at.is_(None), UPLOADS.c.failed_at.is_not(None))


def note_failures(connection: Connection, failures: Iterable[FailedUpload]) -> None:
    """Note failed uploads. One that failed before it was recovered stays recovered, however late its report comes."""
    for failed in sorted(failures, key=lambda one: (one.upload_id, one.failed_at)):
        added = upsert(connection, UPLOADS).values(
            upload_id=failed.upload_id,
            wedding_id=failed.wedding_id,
            region=failed.region,
            service=failed.service,
            group_id=failed.group_id,
            event_id=failed.event_id,
            user=failed.user,
            failures=1,
            failed_at=failed.failed_at,
            recovered_at=None,
            recovered_by="",
            note="",
        )
        new = added.excluded
        again = or_(UPLOADS.c.recovered_at.is_(None), UPLOADS.c.recovered_at < new.failed_at)
        later = or_(UPLOADS.c.failed_at.is_(None), UPLOADS.c.failed_at < new.failed_at)
        told = {
            name: case((new[name] != "", new[name]), else_=UPLOADS.c[name])
            for name in ("wedding_id", "region", "service")
        }
        connection.execute(
            added.on_conflict_do_update(
                index_elements=["upload_id"],
                set_={
                    **told,
                    "group_id": new.group_id,
                    "event_id": new.event_id,
                    "user": func.coalesce(new.user, UPLOADS.c.user),
                    "failures": UPLOADS.c.failures + 1,
                    "failed_at": case((later, new.failed_at), else_=UPLOADS.c.failed_at),
                    "recovered_at": case((again, None), else_=UPLOADS.c.recovered_at),
                    "recovered_by": case((again, ""), else_=UPLOADS.c.recovered_by),
                },
            )
        )


def recover(connection: Connection, upload_id: str, *, by: str, note: str, at: datetime) -> tuple[Row[Any], bool]:
    """Note that an upload is safe; returns its row, and whether that was news.

    One that is not known is kept as recovered: the report of its failure may still be on its way.
    """
    added = upsert(connection, UPLOADS).values(
        upload_id=upload_id,
        wedding_id="",
        region="",
        service="",
        group_id=None,
        event_id="",
        user=None,
        failures=0,
        failed_at=None,
        recovered_at=at,
        recovered_by=by,
        note=note,
    )
    news = connection.execute(
        added.on_conflict_do_update(
            index_elements=["upload_id"],
            set_={"recovered_at": at, "recovered_by": by, "note": note},
            where=UPLOADS.c.recovered_at.is_(None),
        ).returning(UPLOADS.c.upload_id)
    ).first()
    return connection.execute(select(UPLOADS).where(UPLOADS.c.upload_id == upload_id)).one(), news is not None


def find(connection: Connection, upload_id: str) -> Row[Any] | None:
    """Return an upload of the ledger."""
    return connection.execute(select(UPLOADS).where(UPLOADS.c.upload_id == upload_id)).one_or_none()


def listed(
    connection: Connection,
    *,
    recovered: bool,
    wedding_id: str | None,
    region: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Row[Any]]:
    """Return the uploads that are lost, or recovered; those waiting longest first."""
    state = UPLOADS.c.recovered_at.is_not(None) if recovered else _LOST
    query = select(UPLOADS).where(state, UPLOADS.c.failed_at.is_not(None))
    if wedding_id is not None:
        query = query.where(UPLOADS.c.wedding_id == wedding_id)
    if region is not None:
        query = query.where(UPLOADS.c.region == region)
    if after is not None:
        moment, upload_id = after
        same = and_(UPLOADS.c.failed_at == moment, UPLOADS.c.upload_id > upload_id)
        query = query.where(or_(UPLOADS.c.failed_at > moment, same))
    return list(connection.execute(query.order_by(UPLOADS.c.failed_at, UPLOADS.c.upload_id).limit(limit)))


def of_groups(connection: Connection, groups: Iterable[int]) -> tuple[list[str], int]:
    """Return the weddings whose lost uploads these groups tell of, and how many those are."""
    wanted = and_(_LOST, UPLOADS.c.group_id.in_(list(groups)))
    count = connection.execute(select(func.count()).select_from(UPLOADS).where(wanted)).scalar_one()
    query = select(UPLOADS.c.wedding_id).where(wanted, UPLOADS.c.wedding_id != "").distinct()
    return list(connection.execute(query.order_by(UPLOADS.c.wedding_id).limit(MOST_WEDDINGS)).scalars()), int(count)


def count_lost(connection: Connection) -> tuple[int, int]:
    """Return how many uploads are lost, and of how many weddings that are known by name."""
    weddings = func.count(func.nullif(UPLOADS.c.wedding_id, "").distinct())
    uploads, named = connection.execute(select(func.count(), weddings).where(_LOST)).one()
    return int(uploads), int(named)


def standing(connection: Connection) -> Standing:
    """Return what is lost now."""
    weddings = func.count(func.nullif(UPLOADS.c.wedding_id, "").distinct())
    query = select(UPLOADS.c.region, func.count(), weddings, func.min(UPLOADS.c.failed_at))
    uploads, of_weddings, oldest = {}, {}, []
    for region, count, named, failed_at in connection.execute(query.where(_LOST).group_by(UPLOADS.c.region)):
        uploads[str(region)], of_weddings[str(region)] = int(count), int(named)
        oldest.append(failed_at)
    return Standing(uploads, of_weddings, min(oldest, default=None))
