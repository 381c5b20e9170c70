"""Who is on call when: rotations in layers over each other, overrides over all. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from webhook_receiver.oncall.rotation import applies, open_times, shift_at, shifts
from wedsync_core.season.localtime import load_zone
from wedsync_core.settings import Layer, Schedule


@dataclass(frozen=True)
class Override:
    """``person`` stands in for ``replaces``, or beside whoever is on call when that is None; the end is excluded."""

    override_id: int
    schedule: str
    person: str
    replaces: str | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Assigned:
    """Somebody on call, and what made it so: a layer's shift, an override, or an override of a layer's shift."""

    person: str
    layer: str | None = None
    shift: int | None = None
    override: int | None = None

    @property
    def because(self) -> str:
        """What made it so, in words."""
        if self.override is None:
            return f"layer {self.layer}"
        return f"override {self.override}" + (f" of layer {self.layer}" if self.layer else "")


@dataclass(frozen=True)
class Span:
    """A time in which nothing changes, end excluded. Nobody assigned: a gap."""

    starts_at: datetime
    ends_at: datetime
    assigned: tuple[Assigned, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Who is on call, each once."""
        return tuple(one.person for one in self.assigned)


def at(schedule: Schedule, moment: datetime, overrides: Iterable[Override] = ()) -> tuple[Assigned, ...]:
    """Return who is on call at ``moment``. What pages ask: it looks at one moment and nothing around it."""
    zone = load_zone(schedule.zone)
    base: tuple[Assigned, ...] = ()
    for layer in reversed(schedule.layers):
        shift = shift_at(layer.rotation, zone, moment) if applies(layer.restrictions, zone, moment) else None
        if shift is not None:
            base = (Assigned(shift.person, layer.name, shift.number),)
            break
    return _overridden(base, [one for one in overrides if one.starts_at <= moment < one.ends_at])


def spans(schedule: Schedule, begin: datetime, end: datetime, overrides: Iterable[Override] = ()) -> list[Span]:
    """Return [begin, end) cut where anything changes, without a hole: gaps are spans in which nobody is assigned."""
    if begin >= end:
        return []
    zone = load_zone(schedule.zone)
    layers = [_Pieces(layer_spans(layer, zone, begin, end)) for layer in schedule.layers]
    standing_in = sorted(
        (one for one in overrides if one.starts_at < end and one.ends_at > begin), key=lambda one: one.override_id
    )
    bounds = {begin, end, *(bound for pieces in layers for bound in pieces.bounds)}
    bounds |= {bound for one in standing_in for bound in (one.starts_at, one.ends_at) if begin < bound < end}
    found: list[Span] = []
    for opens, closes in pairwise(sorted(bounds)):
        base = next((held for pieces in reversed(layers) if (held := pieces.at(opens))), ())
        assigned = _overridden(base, [one for one in standing_in if one.starts_at <= opens < one.ends_at])
        found.append(Span(opens, closes, assigned))
    return _joined(found, lambda span: span.assigned)


def by_people(found: Sequence[Span]) -> list[Span]:
    """Join neighbours in which the same people are on call, whatever made it so."""
    return _joined(found, lambda span: frozenset(span.people))


def layer_spans(layer: Layer, zone: ZoneInfo, begin: datetime, end: datetime) -> list[Span]:
    """Return when a layer applies in [begin, end) and who has its shift then; in order, never overlapping."""
    turns = list(shifts(layer.rotation, zone, begin, end))
    found: list[Span] = []
    position = 0
    for opens, closes in open_times(layer.restrictions, zone, begin, end):
        while position < len(turns) and turns[position].ends_at <= opens:
            position += 1
        for shift in turns[position:]:
            if shift.starts_at >= closes:
                break
            assigned = (Assigned(shift.person, layer.name, shift.number),)
            found.append(Span(max(opens, shift.starts_at), min(closes, shift.ends_at), assigned))
    return found


class _Pieces:
    """The spans of one layer; who has it at a moment is one binary search."""

    def __init__(self, pieces: list[Span]) -> None:
        self._pieces = pieces
        self._starts = [piece.starts_at for piece in pieces]

    @property
    def bounds(self) -> Iterator[datetime]:
        return (bound for piece in self._pieces for bound in (piece.starts_at, piece.ends_at))

    def at(self, moment: datetime) -> tuple[Assigned, ...]:
        position = bisect_right(self._starts, moment) - 1
        held = position >= 0 and moment < self._pieces[position].ends_at
        return self._pieces[position].assigned if held else ()


def _overridden(base: tuple[Assigned, ...], standing_in: Iterable[Override]) -> tuple[Assigned, ...]:
    """Apply overrides in the order in which they were made; each person stays once, as first named."""
    assigned = base
    for one in sorted(standing_in, key=lambda each: each.override_id):
        if one.replaces is None:
            assigned = (*assigned, Assigned(one.person, override=one.override_id))
        else:
            assigned = tuple(
                replace(held, person=one.person, override=one.override_id) if held.person == one.replaces else held
                for held in assigned
            )
    once: dict[str, Assigned] = {}
    for held in assigned:
        once.setdefault(held.person, held)
    return tuple(once.values())


def _joined(found: Iterable[Span], sameness: Callable[[Span], object]) -> list[Span]:
    joined: list[Span] = []
    for span in found:
        if joined and sameness(joined[-1]) == sameness(span):
            joined[-1] = replace(joined[-1], ends_at=span.ends_at)
        else:
            joined.append(span)
    return joined
