"""Whom a group of errors hurts: people by role, workflows, and weddings by how near they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from exporters.errors.recovery import Place
from wedsync_core.season import Wedding, WeddingIndex
from wedsync_core.severity import ALL_WORKFLOWS, WEDDING_WORKFLOWS

NEAR = timedelta(hours=72)
"""Weddings that begin within this, or are in progress, are near."""
MOST_NAMED = 20


@dataclass(frozen=True)
class Nearness:
    """The weddings near at hand in some regions."""

    count: int
    by_region: Mapping[str, int]
    nearest_hours: float | None
    """0 when one is in progress; None when none is near or known."""


def hours_to(wedding: Wedding | None, now: datetime) -> float | None:
    """Return the hours until a wedding begins, 0 once it has; None for one that is over or not known."""
    if wedding is None or wedding.day_window()[1] <= now:
        return None
    return max((wedding.starts_at - now).total_seconds() / 3600, 0.0)


def near_weddings(weddings: WeddingIndex | None, regions: Iterable[str], now: datetime) -> Nearness:
    """Return the weddings of these regions that are near; no region named: of all."""
    wanted = {region for region in regions if region}
    found: dict[str, int] = {}
    nearest: float | None = None
    for wedding in weddings or ():
        hours = hours_to(wedding, now) if not wanted or wedding.region in wanted else None
        if hours is not None and hours <= NEAR.total_seconds() / 3600:
            found[wedding.region] = found.get(wedding.region, 0) + 1
            nearest = hours if nearest is None else min(nearest, hours)
    return Nearness(sum(found.values()), found, nearest)


def workflows_of(places: Iterable[Place]) -> list[str]:
    """Return the wedding workflows that these places touch."""
    affects = {name for place in places for name in place.affects}
    return sorted(WEDDING_WORKFLOWS if ALL_WORKFLOWS in affects else WEDDING_WORKFLOWS & affects)


def impact(
    *,
    users: Mapping[str, int],
    places: Sequence[Place],
    weddings: WeddingIndex | None,
    named: Iterable[str],
    uploads_lost: int,
    now: datetime,
) -> dict[str, Any]:
    """Return the impact as it is shown; `named` are the weddings that its reports name."""
    regions = sorted({place.region for place in places} - {""})
    near = near_weddings(weddings, regions, now)
    hours = {name: hours_to(weddings.get(name), now) if weddings else None for name in sorted(set(named))[:MOST_NAMED]}
    return {
        "affectedUsers": sum(users.values()),
        "affectedUsersByRole": dict(sorted(users.items())),
        "workflows": workflows_of(places),
        "regions": regions,
        "weddings": {
            "named": [
                {"weddingId": name, "hoursToStart": None if value is None else round(value, 1)}
                for name, value in hours.items()
            ],
            "within72h": near.count,
            "within72hByRegion": dict(sorted(near.by_region.items())),
            "nearestHours": None if near.nearest_hours is None else round(near.nearest_hours, 1),
            "listKnown": weddings is not None,
        },
        "uploadsLost": uploads_lost,
    }
