"""How many reports may come from whom in a minute. Pure: the moment comes in, what is over comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

WINDOW_SECONDS = 60


class Over(StrEnum):
    """What is used up."""

    TOKEN = "token"  # noqa: S105 - the kind of a source
    PROJECT = "project"
    SERVICE = "service"
    QUEUE = "queue"
    DISK = "disk"


@dataclass(frozen=True)
class Source:
    """Whom a report is counted against: a role's token, a project, a service from the closed set."""

    kind: Over
    name: str


@dataclass(frozen=True)
class Full:
    """Nothing more for now, and for how many seconds."""

    reason: Over
    retry_after: int


@dataclass
class Windows:
    """Counts of the present minute. `limits` are reports a minute by kind of source."""

    limits: Mapping[Over, int]
    reserved: float
    """The share of each limit that only grave reports may use."""
    _minute: int = -1
    _used: dict[Source, int] = field(default_factory=dict)

    def full(self, source: Source, second: float) -> Full | None:
        """Tell whether nothing at all is left for a source: then its next report need not even be read."""
        self._turn(second)
        used_up = self._used.get(source, 0) >= self.limits[source.kind]
        return Full(source.kind, _rest(second)) if used_up else None

    def take(self, asked: Mapping[Source, int], second: float, *, grave: bool) -> Full | None:
        """Count reports against their sources, all or none. A request larger than a limit has one to itself."""
        self._turn(second)
        for source, reports in asked.items():
            limit = self.limits[source.kind]
            usable = limit if grave else math.ceil(limit * (1 - self.reserved))
            used = self._used.get(source, 0)
            if used and used + reports > usable:
                return Full(source.kind, _rest(second))
        for source, reports in asked.items():
            self._used[source] = self._used.get(source, 0) + reports
        return None

    def _turn(self, second: float) -> None:
        minute = int(second // WINDOW_SECONDS)
        if minute != self._minute:
            self._minute, self._used = minute, {}


def _rest(second: float) -> int:
    """Return the seconds until the next minute begins."""
    return max(1, math.ceil(WINDOW_SECONDS - second % WINDOW_SECONDS))


def rate_limits(full: Full) -> str:
    """Return the value of `X-Sentry-Rate-Limits`: a project's quota is of errors, everything else of all there is."""
    if full.reason in (Over.PROJECT, Over.SERVICE):
        return f"{full.retry_after}:error;default:project:quota"
    return f"{full.retry_after}::organization:{full.reason.value}"
