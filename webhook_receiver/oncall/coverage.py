"""Whether enough people can be reached at every moment of every wedding's day to come. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from webhook_receiver.oncall.roles import Bench, Filled
from wedsync_core.season import LONGEST_WEDDING, Region, Wedding
from wedsync_core.season.localtime import local_date, wedding_day_window

LOOK_AHEAD: Final = timedelta(days=30)
LONGEST_WINDOW: Final = LONGEST_WEDDING + timedelta(days=2)
"""A window is a wedding's days from 06:00 to 02:00: no longer than the wedding and two days."""
PEOPLE_NEEDED: Final = 2
"""One who mends and one who is awake when the first is not."""

_SATURDAY: Final = 5
_NEARBY: Final = timedelta(days=2)
"""A window closes at most 26 hours after its wedding ends, and opens at most 18 before it begins."""


@dataclass(frozen=True)
class Window:
    """The hours of a wedding day in a region; ``weddings`` 0: a Saturday that counts because no list is known."""

    day: date
    region: str
    opens: datetime
    closes: datetime
    weddings: int


@dataclass(frozen=True)
class Hole:
    """A part of a window in which too few people can be reached, and why."""

    starts_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True)
class Uncovered:
    """A window with its holes, in order; at least one."""

    window: Window
    holes: tuple[Hole, ...]


def windows_of(weddings: Iterable[Wedding], now: datetime) -> list[Window]:
    """Return the windows of ``weddings`` that are open now or open in the next 30 days, equal ones together."""
    until = now + LOOK_AHEAD
    found: Counter[tuple[date, str, datetime, datetime]] = Counter()
    for wedding in weddings:
        # Sifted by plain comparison first: a list holds years, and only this month is converted.
        if wedding.ends_at < now - _NEARBY or wedding.starts_at > until + _NEARBY:
            continue
        opens, closes = wedding.day_window()
        if closes > now and opens < until:
            found[local_date(wedding.starts_at, wedding.time_zone), wedding.region, opens, closes] += 1
    return [Window(*where, number) for where, number in sorted(found.items())]


def saturdays(regions: Iterable[Region], now: datetime) -> list[Window]:
    """Return every region's Saturday windows of the next 30 days: without a list each is a wedding day."""
    found = []
    for region in regions:
        today = local_date(now, region.time_zone)
        for day in (today + timedelta(days=number) for number in range(-1, LOOK_AHEAD.days + 1)):
            if day.weekday() != _SATURDAY:
                continue
            opens, closes = wedding_day_window(day, region.time_zone)
            if closes > now and opens < now + LOOK_AHEAD:
                found.append(Window(day, region.name, opens, closes, 0))
    return sorted(found, key=lambda window: (window.day, window.opens, window.region))


def uncovered(
    windows: Iterable[Window], bench: Bench, roles: Collection[str], reachable: Collection[str], now: datetime
) -> list[Uncovered]:
    """Return the windows that are not covered from ``now`` on, in their order.

    ``bench`` must know the people up to the end of the last window.
    """
    found = []
    for window in windows:
        begin = max(window.opens, now)
        holes = _joined(
            Hole(part.starts_at, part.ends_at, reason)
            for part in bench.filled(roles, begin, window.closes)
            if (reason := _why_not(part, reachable)) is not None
        )
        if holes:
            found.append(Uncovered(window, tuple(holes)))
    return found


def _why_not(part: Filled, reachable: Collection[str]) -> str | None:
    there = [person for person in part.people if person in reachable]
    if len(there) >= PEOPLE_NEEDED:
        return None
    reasons = [f"only {there[0]} can be reached" if there else "nobody can be reached"]
    if part.empty:
        reasons.append(f"nobody is in {', '.join(part.empty)}")
    silent = [person for person in part.people if person not in reachable]
    if silent:
        reasons.append(f"critical incidents cannot reach {', '.join(silent)}")
    return "; ".join(reasons)


def _joined(holes: Iterable[Hole]) -> list[Hole]:
    joined: list[Hole] = []
    for hole in holes:
        if joined and (joined[-1].ends_at, joined[-1].reason) == (hole.starts_at, hole.reason):
            joined[-1] = Hole(joined[-1].starts_at, hole.ends_at, hole.reason)
        else:
            joined.append(hole)
    return joined
