"""Which known group a new stack or a new wording belongs to. Pure; the groups come from a table or from memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exporters.errors.similarity import AUTOMATIC, MOST_ALIGNED, SUGGESTED, Outline, Rarity, likeness
from exporters.errors.wording import GAP

FEATURES_ASKED = 8
"""Of the frames of a new stack, the rarest are asked for groups that have them too."""
MOST_CANDIDATES = 60
MOST_SIMILAR = 10
MOST_SLOTS = 24
LONGEST_SLOT = 40
VARIANTS = 4
"""A word that had so many values in otherwise equal wordings is a value, and no part of the wording."""


@dataclass(frozen=True)
class Candidate:
    """A key that is known, the group it belongs to, and what is compared of it."""

    group: int
    outline: Outline


@dataclass(frozen=True)
class Similar:
    """A group, and how like it the error is: 0 to 1."""

    group: int
    likeness: float


def ranked(outline: Outline, candidates: Iterable[Candidate], rarity_of: Rarity) -> list[Similar]:
    """Return the groups that are like the error, the most alike first, each by the most like of its keys."""
    best: dict[int, float] = {}
    for candidate in candidates:
        alike = likeness(outline, candidate.outline, rarity_of)
        if alike > best.get(candidate.group, 0.0):
            best[candidate.group] = alike
    return [Similar(group, alike) for group, alike in sorted(best.items(), key=lambda item: (-item[1], item[0]))]


def joins(similar: Sequence[Similar]) -> Similar | None:
    """Return the group that the error joins by itself: only one that is beyond doubt alike."""
    return similar[0] if similar and similar[0].likeness >= AUTOMATIC else None


def suggestions(similar: Sequence[Similar]) -> list[Similar]:
    """Return the groups to be shown as similar."""
    return [one for one in similar[:MOST_SIMILAR] if one.likeness >= SUGGESTED]


def slots(wording: str) -> list[str]:
    """Return the wording once for each word that might be a value, with the word left out.

    The first word, words of signs, words in capitals (states mostly) and truth values are no values.
    """
    words = wording.split(" ")
    if not 3 <= len(words) <= LONGEST_SLOT:
        return []
    found = []
    for at, word in enumerate(words[:MOST_SLOTS]):
        if at and _may_vary(word):
            left_out = " ".join([*words[:at], "<?>", *words[at + 1 :]])
            found.append(hashlib.blake2b(left_out.encode(), digest_size=12).hexdigest())
    return found


def _may_vary(word: str) -> bool:
    plain = word.strip(".,;:()[]{}\"'")
    if GAP in word or not plain or plain.isupper() or not any(sign.isalpha() for sign in plain):
        return False
    return plain.lower() not in _STATES and "=" not in plain[:-1]


_STATES = frozenset(
    {"true", "false", "yes", "no", "on", "off", "up", "down", "ok", "null", "none", "enabled", "disabled"}
    | {"start", "started", "stop", "stopped", "open", "opened", "close", "closed", "begin", "end"}
    | {"succeeded", "failed", "success", "failure", "active", "inactive", "read", "write"}
)


def features(outline: Outline) -> list[str]:
    """Return the names under which a stack is found again: its frames, each once, nearest to the failure first."""
    return list(dict.fromkeys(outline.frames[:MOST_ALIGNED]))
