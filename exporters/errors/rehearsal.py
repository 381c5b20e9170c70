"""Groups errors in memory as the errors room does in its tables, one after the other. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from exporters.errors.fingerprint import chosen_frames, outline_of
from exporters.errors.joining import (
    FEATURES_ASKED,
    MOST_CANDIDATES,
    VARIANTS,
    Candidate,
    Similar,
    features,
    joins,
    ranked,
    slots,
)
from exporters.errors.places import places
from exporters.errors.similarity import Outline, rarity
from exporters.errors.stacks import Trace
from exporters.errors.wording import wording

Key = tuple[str, ...]


class Rehearsal:
    """Groups of stacks, as they come. Groups are numbered from 0."""

    def __init__(self) -> None:
        self._keys: dict[Key, int] = {}
        self._outlines: list[tuple[int, Outline]] = []
        self._having: dict[str, list[int]] = {}
        self._groups = 0

    def rarity_of(self, frame: str) -> float:
        """Return how telling a frame is by the outlines so far."""
        return rarity(len(self._having.get(frame, ())), len(self._outlines))

    def add(self, trace: Trace, message: str) -> tuple[int, list[Similar]]:
        """Return the group of a trace, and the groups like it if its key was new."""
        key, outline = describe(trace, message)
        if key in self._keys:
            return self._keys[key], []
        similar = self.similar(outline)
        joined = joins(similar)
        group = joined.group if joined is not None else self._groups
        self._groups += joined is None
        self._keys[key] = group
        self._keep(group, outline)
        return group, similar

    def note(self, outline: Outline) -> int:
        """Remember an outline as a group of its own, equal ones once; returns its number."""
        key = (outline.type, *outline.frames)
        if key not in self._keys:
            self._keys[key] = self._groups
            self._keep(self._groups, outline)
            self._groups += 1
        return self._keys[key]

    def _keep(self, group: int, outline: Outline) -> None:
        if not outline.frames:
            return
        at = len(self._outlines)
        self._outlines.append((group, outline))
        for name in features(outline):
            self._having.setdefault(name, []).append(at)

    def similar(self, outline: Outline) -> list[Similar]:
        """Return the groups like an outline, found by its rarest frames."""
        known = [name for name in features(outline) if name in self._having]
        asked = sorted(known, key=lambda name: (len(self._having[name]), known.index(name)))[:FEATURES_ASKED]
        votes = Counter(at for name in asked for at in self._having[name][: MOST_CANDIDATES * 4])
        chosen = [at for at, _ in sorted(votes.items(), key=lambda item: (-item[1], item[0]))[:MOST_CANDIDATES]]
        return ranked(outline, [Candidate(*self._outlines[at]) for at in chosen], self.rarity_of)


def describe(trace: Trace, message: str, error_type: str = "") -> tuple[Key, Outline]:
    """Return the basis of the key of a trace, and what is compared of it."""
    found = places(trace.frames)
    named = error_type or trace.chain[0].type
    causes = [thrown.type for thrown in trace.chain[1:] if thrown.type][-1:]
    own, libraries = chosen_frames(found)
    outline = outline_of(trace.root.type or named, found)
    if own:
        return (named, *causes, *(place.feature for place in own)), outline
    if libraries:
        return (named, *causes, *(place.feature for place in libraries), wording(message)), outline
    return (named, *causes, *outline.frames, wording(message)), outline


def group_messages(messages: Sequence[str]) -> list[int]:
    """Return the group of each message, once all have come: equal wordings, and those with a word that varies."""
    wordings = [wording(message) for message in messages]
    groups = _Unions(sorted(set(wordings)))
    values: dict[str, list[str]] = {}
    for one in sorted(set(wordings)):
        for slot in slots(one):
            values.setdefault(slot, []).append(one)
    for having in values.values():
        if len(having) >= VARIANTS:
            for other in having[1:]:
                groups.unite(having[0], other)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(groups.find(one), len(numbers)) for one in wordings]


class _Unions:
    def __init__(self, names: Sequence[str]) -> None:
        self._above = {name: name for name in names}

    def find(self, name: str) -> str:
        while self._above[name] != name:
            self._above[name] = self._above[self._above[name]]
            name = self._above[name]
        return name

    def unite(self, one: str, other: str) -> None:
        self._above[self.find(other)] = self.find(one)
