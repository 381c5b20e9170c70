"""When a group of errors has recovered: it is silent, and what failed has been seen to work since. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from wedsync_core.season import RegionFacts
from wedsync_core.severity import ALL_WORKFLOWS, WEDDING_WORKFLOWS

SHORTEST_SILENCE = timedelta(minutes=10)
LONGEST_SILENCE_ASKED = timedelta(hours=24)
GAPS = 5
"""Silent for this many of its usual gaps: an error of once an hour is not over after ten minutes."""
FEWEST_SUCCESSES = 5.0
SPANS = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""Successes are counted over one of these: the longest that lies within the silence, less the time of two scrapes."""
SCRAPES = timedelta(seconds=30)


class Reason(StrEnum):
    """Why a group has recovered, or has not."""

    RECOVERED = "recovered"
    NOT_SILENT = "not_silent_long_enough"
    NO_PROMETHEUS = "prometheus_does_not_answer"
    NOWHERE = "reports_name_neither_route_nor_workflow"
    NO_TRAFFIC = "no_successful_traffic_since"
    NO_TRAFFIC_IN_WINDOW = "no_successful_traffic_since_and_a_wedding_window_is_open"


@dataclass(frozen=True, order=True)
class Place:
    """Where the errors of a group happened. An empty region: not known where."""

    service: str
    route: str
    region: str
    affects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Successes:
    """What Prometheus saw succeed over one of SPANS, by workflow and region, and by service and route."""

    workflows: Mapping[tuple[str, str], float] = field(default_factory=dict)
    routes: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Silence:
    """When a group was last seen, and the usual time between two of its errors; zero when it had only one."""

    last_seen_at: datetime
    usual_gap: timedelta


@dataclass(frozen=True)
class Finding:
    """A decision with its reason, and what was seen."""

    reason: Reason
    at: datetime
    seen: Sequence[Mapping[str, Any]] = ()

    @property
    def recovered(self) -> bool:
        """Whether it has."""
        return self.reason is Reason.RECOVERED

    def as_json(self) -> dict[str, Any]:
        """Return the stored form, but for the moment."""
        return {"reason": self.reason.value, "recovered": self.recovered, "seen": [dict(one) for one in self.seen]}


def needed_silence(silence: Silence) -> timedelta:
    """Return how long a group has to be silent before it is worth asking."""
    return min(max(SHORTEST_SILENCE, GAPS * silence.usual_gap), LONGEST_SILENCE_ASKED)


def span_of(silence: Silence, now: datetime) -> timedelta | None:
    """Return the span over which successes count: only what came after the last error proves anything."""
    quiet = now - silence.last_seen_at
    if quiet < needed_silence(silence):
        return None
    within = [span for span in SPANS if span <= quiet - SCRAPES]
    return within[-1] if within else None


def judge_recovery(
    silence: Silence,
    places: Sequence[Place],
    successes: Mapping[timedelta, Successes] | None,
    calendar: Mapping[str, RegionFacts],
    now: datetime,
) -> Finding:
    """Decide whether a group has recovered; `successes` None: Prometheus cannot be asked.

    Every place has to be seen working: its workflows where it names some, else its route. A region the report named
    is seen for itself; where none was named, successes of every region with an open wedding window are wanted.
    """
    span = span_of(silence, now)
    if span is None:
        return Finding(Reason.NOT_SILENT, now)
    if successes is None:
        return Finding(Reason.NO_PROMETHEUS, now)
    wanted = sorted({one for place in places for one in _wanted(place, calendar)})
    if not wanted or not all(_named(place) for place in places):
        return Finding(Reason.NOWHERE, now)
    counted = successes.get(span, Successes())
    seen = [_seen(kind, first, second, counted) for kind, first, second in wanted]
    if all(one["successes"] >= FEWEST_SUCCESSES for one in seen):
        return Finding(Reason.RECOVERED, now, [one | {"seconds": int(span.total_seconds())} for one in seen])
    window = any(_window_open(place, calendar) for place in places)
    return Finding(Reason.NO_TRAFFIC_IN_WINDOW if window else Reason.NO_TRAFFIC, now, seen)


def _wanted(place: Place, calendar: Mapping[str, RegionFacts]) -> list[tuple[str, str, str]]:
    workflows = _workflows(place)
    if not workflows:
        return [("route", place.service, place.route)] if place.route else []
    if place.region in calendar:
        return [("workflow", name, place.region) for name in workflows]
    live = [name for name, facts in calendar.items() if _is_open(facts)]
    return [("workflow", name, region) for name in workflows for region in live or [""]]


def _workflows(place: Place) -> list[str]:
    named = WEDDING_WORKFLOWS if ALL_WORKFLOWS in place.affects else WEDDING_WORKFLOWS & set(place.affects)
    return sorted(named)


def _named(place: Place) -> bool:
    return bool(_workflows(place) or place.route)


def _seen(kind: str, first: str, second: str, counted: Successes) -> dict[str, Any]:
    if kind == "route":
        return {"service": first, "route": second, "successes": counted.routes.get((first, second), 0.0)}
    if second:
        return {"workflow": first, "region": second, "successes": counted.workflows.get((first, second), 0.0)}
    everywhere = sum(value for (workflow, _), value in counted.workflows.items() if workflow == first)
    return {"workflow": first, "region": None, "successes": everywhere}


def _window_open(place: Place, calendar: Mapping[str, RegionFacts]) -> bool:
    regions = [calendar[place.region]] if place.region in calendar else list(calendar.values())
    return any(_is_open(facts) for facts in regions)


def _is_open(facts: RegionFacts) -> bool:
    return facts.is_weekend or facts.is_wedding_day or facts.weddings_in_progress > 0
