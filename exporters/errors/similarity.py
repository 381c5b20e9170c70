"""How alike two stacks are: their frames aligned, near and rare ones weighing most. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_ALIGNED = 32
"""Frames of a stack that are aligned; with the cap one comparison is at most a thousand steps."""
POSITION = 0.6
"""How fast a frame's weight falls with its distance from the failure: 1 / (1 + distance) ** POSITION."""
LEAST_RARITY = 0.05
AUTOMATIC = 0.55
"""From this likeness on, a new stack joins a group by itself."""
SUGGESTED = 0.3
"""From this likeness on, a group is shown as similar."""

OTHER_TYPE = 0.85
"""What is left of the likeness of two stacks when the types of their errors differ."""

Rarity = Callable[[str], float]


@dataclass(frozen=True)
class Outline:
    """What is compared of an error: its type and the names of its frames, nearest to the failure first."""

    type: str
    frames: tuple[str, ...]


def rarity(seen_in: int, outlines: int) -> float:
    """Return how telling a frame is that is in `seen_in` of so many outlines: from 1 down to LEAST_RARITY."""
    if outlines < 2:
        return 1.0
    return max(LEAST_RARITY, math.log((outlines + 1) / (seen_in + 0.5)) / math.log((outlines + 1) / 0.5))


def weights(frames: Sequence[str], rarity_of: Rarity) -> list[float]:
    """Return what each frame weighs by its distance from the failure and by how rare it is."""
    return [rarity_of(frame) / (1 + at) ** POSITION for at, frame in enumerate(frames[:MOST_ALIGNED])]


def likeness(one: Outline, other: Outline, rarity_of: Rarity) -> float:
    """Return 0 to 1: one less the weight of what has to be left out or moved, over the weight of both.

    Errors of different types are less alike than their stacks are.
    """
    first, second = one.frames[:MOST_ALIGNED], other.frames[:MOST_ALIGNED]
    if not first or not second:
        return 0.0
    if first == second:
        return 1.0
    left, right = weights(first, rarity_of), weights(second, rarity_of)
    row = [0.0]
    for weight in right:
        row.append(row[-1] + weight)
    for name, weight in zip(first, left, strict=True):
        before, row = row, [row[0] + weight]
        for at, (against, counter) in enumerate(zip(second, right, strict=True)):
            cost = min(before[at + 1] + weight, row[at] + counter)
            if name == against:
                cost = min(cost, before[at] + abs(weight - counter))
            row.append(cost)
    alike = 1 - row[-1] / (sum(left) + sum(right))
    if one.type and other.type and one.type != other.type:
        alike *= OTHER_TYPE
    return alike
