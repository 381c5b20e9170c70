"""What groups of errors have in common: a route, release, browser, region or third party far too often. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TRAITS = ("route", "release", "browser", "region", "third_party", "wedding_context")
FEWEST_ERRORS = 10
"""Errors of a group with the value, from which it can be tied to it."""
LEAST_SHARE = 0.6
"""Of the group's errors."""
LEAST_LIFT = 1.5
FEWEST_BEFORE = 50
"""Errors in the time before, from which it says what is usual."""
SURE = 1.96
"""Standard errors below the odds ratio's logarithm that must still be above nothing: 95 of 100."""


@dataclass(frozen=True)
class Tie:
    """A group whose errors have a value far more often than those of the others."""

    group_id: int
    errors: int
    share: float
    lift: float


@dataclass(frozen=True)
class Pattern:
    """A value that groups are tied to, with its strength over all of them together."""

    trait: str
    value: str
    support: int
    """Errors of the tied groups that have the value."""
    share: float
    """Of the tied groups' errors, how many have it."""
    overall: float
    """Of all errors, how many have it: in this time or in the one before, whichever is less."""
    lift: float
    odds_ratio: float
    odds_ratio_low: float
    """The lower bound of its 95 % interval: patterns are ranked by it."""
    ties: tuple[Tie, ...]

    def as_json(self) -> dict[str, Any]:
        """Return what is shown."""
        return {
            "trait": self.trait,
            "value": self.value,
            "support": self.support,
            "share": round(self.share, 4),
            "overallShare": round(self.overall, 4),
            "lift": round(self.lift, 3),
            "oddsRatio": round(self.odds_ratio, 3),
            "oddsRatioLow": round(self.odds_ratio_low, 3),
            "groups": [
                {"groupId": str(tie.group_id), "errors": tie.errors, "share": round(tie.share, 4)} for tie in self.ties
            ],
        }


@dataclass(frozen=True)
class Counts:
    """Errors of a time: in all, by group, by group and value of a trait, and by value alone."""

    total: int
    groups: Mapping[int, int]
    of_groups: Mapping[tuple[str, str], Mapping[int, int]]
    of_all: Mapping[tuple[str, str], int]
    before: Mapping[tuple[str, str], int]
    """By value alone, in a time as long just before: what breaks everything at once is no exception within itself."""
    total_before: int


def candidates(
    groups: Mapping[int, int], of_groups: Mapping[tuple[str, str], Mapping[int, int]]
) -> dict[tuple[str, str], Mapping[int, int]]:
    """Return the values that enough of some group's errors have; how common they are otherwise is not asked yet."""
    return {
        (trait, value): having
        for (trait, value), having in of_groups.items()
        if value and any(_is_candidate(errors, groups.get(group, 0)) for group, errors in having.items())
    }


def patterns(counts: Counts, most: int = 20) -> list[Pattern]:
    """Return the patterns, the strongest first.

    A value that every error has is no pattern, and neither is one that only its own single group has for a route: a
    group usually *is* an error at a route.
    """
    found = []
    for (trait, value), of_groups in counts.of_groups.items():
        pattern = _pattern(trait, value, of_groups, counts) if value else None
        if pattern is not None and (len(pattern.ties) > 1 or trait != "route"):
            found.append(pattern)
    found.sort(key=lambda one: (-len(one.ties), -one.odds_ratio_low, one.trait, one.value))
    return found[:most]


def odds(with_both: int, only_first: int, only_second: int, neither: int) -> tuple[float, float]:
    """Return the odds ratio of a two-by-two table and the lower bound of its 95 % interval.

    Half is added to each cell (Haldane and Anscombe), so that an empty one gives a figure too.
    """
    a, b, c, d = (cell + 0.5 for cell in (with_both, only_first, only_second, neither))
    logarithm = math.log(a * d / (b * c))
    error = math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return math.exp(logarithm), math.exp(logarithm - SURE * error)


def _pattern(trait: str, value: str, of_groups: Mapping[int, int], counts: Counts) -> Pattern | None:
    overall = _overall(trait, value, counts)
    ties = tuple(_ties(of_groups, counts.groups, overall))
    if not ties:
        return None
    support, errors = sum(tie.errors for tie in ties), sum(counts.groups[tie.group_id] for tie in ties)
    others = max(counts.of_all.get((trait, value), 0) - support, 0)
    before = counts.before.get((trait, value), 0)
    without = max(counts.total - errors - others, 0) + max(counts.total_before - before, 0)
    ratio, low = odds(support, errors - support, others + before, without)
    if low <= 1.0:
        return None
    lift = support / errors / overall
    return Pattern(trait, value, support, support / errors, overall, lift, ratio, low, ties)


def _is_candidate(errors: int, of_group: int) -> bool:
    return errors >= FEWEST_ERRORS and errors >= LEAST_SHARE * of_group > 0


def _overall(trait: str, value: str, counts: Counts) -> float:
    """Return how common the value is otherwise; never nothing, so that a lift is always a number."""
    now = max(counts.of_all.get((trait, value), 0), 1) / max(counts.total, 1)
    if counts.total_before < FEWEST_BEFORE:
        return now
    return min(now, max(counts.before.get((trait, value), 0), 1) / counts.total_before)


def _ties(of_groups: Mapping[int, int], groups: Mapping[int, int], overall: float) -> Iterable[Tie]:
    ranked: Sequence[tuple[int, int]] = sorted(of_groups.items(), key=lambda one: (-one[1], one[0]))
    for group, errors in ranked:
        share = errors / groups[group] if groups.get(group) else 0.0
        lift = share / overall
        if _is_candidate(errors, groups.get(group, 0)) and lift >= LEAST_LIFT:
            yield Tie(group, errors, share, lift)
