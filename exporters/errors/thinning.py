"""What is kept of a storm: its beginning, its latest, and an even spread between. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def surplus(ids: Sequence[int], *, first: int, latest: int, spread: int) -> list[int]:
    """Return those of a group's occurrences, in their order, that need not be kept.

    Nothing is dropped until twice the spread lies in the middle: a storm is thinned out now and then, not each time.
    """
    middle = ids[first : len(ids) - latest]
    if len(middle) <= 2 * spread:
        return []
    kept = {middle[position * len(middle) // spread] for position in range(spread)}
    return [one for one in middle if one not in kept]
