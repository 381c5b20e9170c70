"""Rules that a team writes about grouping: what an error is, and whose code a frame is. Pure.

A pattern is plain text with `*` for anything; it is matched in linear time and knows no case.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from exporters.errors.places import Layer, Place


@dataclass(frozen=True)
class GroupingRule:
    """What an error or a frame must be like (empty: whatever it is), and what follows.

    With `fingerprint` the first rule that fits decides what is one error; `{{ default }}` stands for the usual basis.
    With `app` it says of each frame that fits whether it is the service's own.
    """

    name: str
    type: str = ""
    path: str = ""
    function: str = ""
    message: str = ""
    fingerprint: tuple[str, ...] = ()
    app: bool | None = None


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text is like a pattern with `*`: each part is looked for once, from left to right."""
    if not pattern:
        return True
    pattern, text = pattern.lower(), text.lower()
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(first):
        return False
    at = len(first)
    for part in rest[:-1]:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(text) - at >= len(rest[-1]) and text.endswith(rest[-1])


def fingerprint_rule(
    rules: Iterable[GroupingRule], error_type: str, message: str, found: Sequence[Place]
) -> GroupingRule | None:
    """Return the first rule that names a fingerprint and fits the error, with one frame for both path and function."""
    for rule in rules:
        if not rule.fingerprint or not fits(rule.type, error_type) or not fits(rule.message, message):
            continue
        if not (rule.path or rule.function) or any(_fits_frame(rule, place) for place in found):
            return rule
    return None


def marked(rules: Sequence[GroupingRule], error_type: str, message: str, found: Sequence[Place]) -> list[Place]:
    """Return the frames with the layers that the rules give them; the last rule that fits a frame counts."""
    marking = [r for r in rules if r.app is not None and fits(r.type, error_type) and fits(r.message, message)]
    if not marking:
        return list(found)
    return [_marked(marking, place) for place in found]


def _marked(marking: Sequence[GroupingRule], place: Place) -> Place:
    for rule in reversed(marking):
        if _fits_frame(rule, place):
            layer = Layer.OWN if rule.app else Layer.LIBRARY
            return replace(place, layer=layer, why=f"rule {rule.name}: {'app' if rule.app else 'not app'}")
    return place


def _fits_frame(rule: GroupingRule, place: Place) -> bool:
    return fits(rule.path, place.module) and fits(rule.function, place.function)
