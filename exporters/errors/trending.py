"""Trends over the counts: the course of errors against the weeks before, what spikes, what is new, what is shared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from exporters.errors import life_store, tally_store
from exporters.errors.leveling import WEEKS, GroupLevel, levels
from exporters.errors.patterns import Counts, Pattern, candidates, patterns
from exporters.errors.tally import DAY, HOUR, MINUTE, TRAITS
from exporters.errors.tally_store import Window
from wedsync_core.storage import Transaction

MOST_GROUPS = 40
"""Groups in which patterns are looked for: those with the most errors."""
LISTED = 50
_WEEK = 7 * DAY


@dataclass(frozen=True)
class Bucket:
    """Errors of a minute, an hour or a day; `expected` is the mean of the same one in the weeks before."""

    start: int
    errors: int
    by_severity: Mapping[str, int]
    expected: float | None


@dataclass(frozen=True)
class Trend:
    """All of a trend."""

    resolution: int
    buckets: Sequence[Bucket]
    services: Mapping[str, tuple[int, float | None]]
    """Errors of the last hour, and what the same hour of the weeks before leads one to expect."""
    spikes: Mapping[int, GroupLevel]
    groups: Mapping[int, Any]
    """Of every group that is named."""
    releases: Sequence[Any]
    begun: Sequence[int]
    patterns: Sequence[Pattern]
    turns: Sequence[Any]


def window_of(since: datetime, until: datetime, *, minutes_kept: timedelta, hours_kept: timedelta) -> Window:
    """Return the whole minutes around a time; whole hours or days where minutes or hours are not kept so long."""
    age = until - since
    step = MINUTE if age < minutes_kept else HOUR if age < hours_kept else DAY
    last = int(until.timestamp())
    return Window(int(since.timestamp()) // step * step, last // MINUTE * MINUTE + MINUTE)


def trend(transaction: Transaction, window: Window, since: datetime, now: datetime) -> Trend:
    """Return the trend of a window that ends now."""
    span = window.until - window.since
    resolution = MINUTE if span <= 3 * HOUR else HOUR if span <= 8 * DAY else DAY
    loud = {group: one for group, one in levels(transaction, now).items() if one.level.is_spike}
    begun = life_store.begun_since(transaction, since, LISTED)
    shared = find_patterns(transaction, window)
    named = {*loud, *begun, *(tie.group_id for one in shared for tie in one.ties)}
    return Trend(
        resolution=resolution,
        buckets=_buckets(transaction, window, resolution),
        services=_services(transaction, now),
        spikes=loud,
        groups=life_store.groups_of(transaction, named),
        releases=tally_store.releases_since(transaction, since, LISTED),
        begun=begun,
        patterns=shared,
        turns=life_store.turns_since(transaction, since, LISTED),
    )


def find_patterns(transaction: Transaction, window: Window, most: int = 20) -> list[Pattern]:
    """Return what the loudest groups of a window have in common, beside the same time before it.

    In whole hours: what a group's errors had is counted by these.
    """
    window = Window(window.since // HOUR * HOUR, -(-window.until // HOUR) * HOUR)
    totals = tally_store.loudest(transaction, window, MOST_GROUPS)
    if not totals:
        return []
    of_groups: dict[tuple[str, str], dict[int, int]] = {}
    for row in tally_store.traits_of(transaction, sorted(totals), window):
        of_groups.setdefault((row.trait, row.value), {})[row.group_id] = int(row.errors)
    wanted = candidates(totals, of_groups)
    before = Window(window.since - (window.until - window.since), window.since)
    counts = Counts(
        total=tally_store.total(transaction, window, None),
        groups=totals,
        of_groups=wanted,
        of_all=_by_trait(transaction, window, wanted),
        before=_by_trait(transaction, before, wanted),
        total_before=tally_store.total(transaction, before, None),
    )
    return patterns(counts, most)


def _by_trait(
    transaction: Transaction, window: Window, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """Count only the values that some group could be tied to: of most traits there are none."""
    values: dict[str, list[str]] = {}
    for trait, value in wanted:
        values.setdefault(trait, []).append(value)
    return {
        (trait, value): errors
        for trait in TRAITS
        if trait in values
        for value, errors in tally_store.errors_by(transaction, trait, window, values[trait]).items()
    }


def _buckets(transaction: Transaction, window: Window, resolution: int) -> list[Bucket]:
    first, last = window.since // resolution * resolution, (window.until - 1) // resolution * resolution
    by_start: dict[int, dict[str, int]] = {}
    for row in tally_store.series(transaction, "severity", resolution, first, last):
        by_start.setdefault(int(row.start), {})[row.severity] = int(row.errors)
    expected = _expected(transaction, resolution, first, last) if resolution != MINUTE else {}
    return [
        Bucket(start, sum(by_start.get(start, {}).values()), by_start.get(start, {}), expected.get(start))
        for start in range(first, last + 1, resolution)
    ]


def _expected(transaction: Transaction, resolution: int, first: int, last: int) -> dict[int, float]:
    """Return the mean of the same hour of the week, or day of the week, over the weeks that are on record."""
    sums: dict[int, list[int]] = {}
    for week in range(1, WEEKS + 1):
        rows = tally_store.series(transaction, "severity", resolution, first - week * _WEEK, last - week * _WEEK)
        if not rows:
            break
        of_week: dict[int, int] = {}
        for row in rows:
            of_week[int(row.start)] = of_week.get(int(row.start), 0) + int(row.errors)
        for start in range(first, last + 1, resolution):
            sums.setdefault(start, []).append(of_week.get(start - week * _WEEK, 0))
    return {start: sum(of_weeks) / len(of_weeks) for start, of_weeks in sums.items()}


def _services(transaction: Transaction, now: datetime) -> dict[str, tuple[int, float | None]]:
    second = int(now.timestamp()) // MINUTE * MINUTE + MINUTE
    recent = tally_store.errors_by(transaction, "service", Window(second - HOUR, second))
    # Shares of two hours, as the last hour lies across two of the clock's.
    hour, share = second // HOUR * HOUR, (second % HOUR) / HOUR
    starts = [at - _WEEK * week for week in range(1, WEEKS + 1) for at in (hour, hour - HOUR)]
    past = tally_store.errors_in_buckets(transaction, "service", HOUR, starts)
    weeks = max(((hour - start) // _WEEK + 1 for _, start in past), default=0)
    weeks = min(weeks, WEEKS)
    found: dict[str, tuple[int, float | None]] = {}
    for service in sorted({*recent, *(name for name, _ in past)}):
        expected = None
        if weeks:
            total = sum(
                past.get((service, hour - _WEEK * week), 0) * share
                + past.get((service, hour - HOUR - _WEEK * week), 0) * (1 - share)
                for week in range(1, weeks + 1)
            )
            expected = total / weeks
        found[service] = recent.get(service, 0), expected
    return found
