"""Which errors belong to one story, and in what order they caused each other. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from wedsync_core.severity import Severity

CAUSAL = ("third_party", "database", "api", "frontend")
"""What fails first when one thing makes another fail."""
_WEIGHTS: Mapping[str, float] = {"route": 3, "release": 2, "service": 2, "region": 1, "user": 2, "error_type": 1}
"""What two errors may have in common, and how telling it is; what either lacks is not counted."""


class Relation(StrEnum):
    """Why two errors are put together, the surest first."""

    SAME_TRACE = "same_trace"
    SAME_GROUP = "same_group"
    SIMILAR_STACK = "similar_stack"
    THIRD_PARTY_OUTAGE = "third_party_outage"
    SAME_CONTEXT = "same_context"


@dataclass(frozen=True)
class Limits:
    """How near and how alike errors must be."""

    window: timedelta
    context: float
    stack: float


@dataclass(frozen=True)
class Known:
    """A stored error as far as it matters here."""

    event_id: str
    group: int
    at: datetime
    level: str
    severity: Severity
    trace_id: str
    context: Mapping[str, str]
    affects: Sequence[str] = ()


@dataclass(frozen=True)
class Correlated:
    """An error that belongs to the one asked about, and why."""

    error: Known
    relation: Relation
    context: float
    stack: float


def correlate(
    base: Known, others: Iterable[Known], limits: Limits, stack_likeness: Callable[[int], float]
) -> list[Correlated]:
    """Return the errors that belong to `base`, the surest relation first, then the nearest in time.

    `stack_likeness` tells how like the stacks of a group are to those of the base's group.
    """
    found = []
    for other in others:
        if other.event_id == base.event_id:
            continue
        alike = context_likeness(base.context, other.context)
        stack = 1.0 if other.group == base.group else stack_likeness(other.group)
        relation = _relation(base, other, limits, alike, stack)
        if relation is not None:
            found.append(Correlated(other, relation, alike, stack))
    order = list(Relation)
    return sorted(found, key=lambda one: (order.index(one.relation), abs(one.error.at - base.at), one.error.event_id))


def _relation(base: Known, other: Known, limits: Limits, alike: float, stack: float) -> Relation | None:
    if base.trace_id and base.trace_id == other.trace_id:
        return Relation.SAME_TRACE
    if abs(base.at - other.at) > limits.window:
        return None
    if base.group == other.group:
        return Relation.SAME_GROUP
    if stack >= limits.stack:
        return Relation.SIMILAR_STACK
    if _outage(base, other) or _outage(other, base):
        return Relation.THIRD_PARTY_OUTAGE
    return Relation.SAME_CONTEXT if alike >= limits.context else None


def _outage(cause: Known, symptom: Known) -> bool:
    """Tell whether a third party's failure is under another: the same service or route failed, and not before it."""
    if cause.level != "third_party" or symptom.level == "third_party" or symptom.at < cause.at:
        return False
    return any(
        cause.context.get(name) and cause.context[name] == symptom.context.get(name) for name in ("service", "route")
    )


def context_likeness(one: Mapping[str, str], other: Mapping[str, str]) -> float:
    """Return the share of what both tell that is equal, by weight: 0 to 1; a route or a release must be among it."""
    both = [name for name in _WEIGHTS if one.get(name) and other.get(name)]
    if not {"route", "release"} & set(both):
        return 0.0
    equal = sum(_WEIGHTS[name] for name in both if one[name] == other[name])
    return equal / sum(_WEIGHTS[name] for name in both)


def story(base: Known, correlated: Iterable[Correlated]) -> list[Known]:
    """Return the first error of each level and group in causal order: what failed first, and what it made fail."""
    tellers = [base, *(one.error for one in correlated if one.relation is not Relation.SIMILAR_STACK)]
    firsts: dict[tuple[str, int], Known] = {}
    for error in sorted(tellers, key=lambda one: (one.at, one.event_id)):
        firsts.setdefault((error.level, error.group), error)
    return sorted(firsts.values(), key=lambda one: (CAUSAL.index(one.level), one.at, one.event_id))


def combined_impact(base: Known, correlated: Sequence[Correlated]) -> dict[str, Any]:
    """Return what the errors do together."""
    errors = [base, *(one.error for one in correlated)]
    told = story(base, correlated)
    return {
        "errors": len(errors),
        "groups": len({one.group for one in errors}),
        "affectedUsers": len({one.context["user"] for one in errors if one.context.get("user")}),
        "severity": max((one.severity for one in errors), key=lambda severity: severity.rank).value,
        "levels": [level for level in CAUSAL if any(one.level == level for one in errors)],
        "services": _named(errors, "service"),
        "regions": _named(errors, "region"),
        "workflows": sorted({name for one in errors for name in one.affects}),
        "rootCause": told[0].event_id,
        "firstAt": min(one.at for one in errors),
        "lastAt": max(one.at for one in errors),
    }


def _named(errors: Iterable[Known], name: str) -> list[str]:
    return sorted({one.context[name] for one in errors if one.context.get(name)})
