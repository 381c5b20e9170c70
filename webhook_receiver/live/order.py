"""In which order the log is told when transactions end in another order than their entries were numbered."""

from __future__ import annotations

from collections.abc import Sequence

PATIENCE_SECONDS = 1.0
"""How long a missing number is waited for. It is of a transaction that still runs, or of one that was given up."""


def in_order(told: int, numbers: Sequence[int], waited: float) -> int:
    """Return how many of ``numbers`` (ascending, all above ``told``) may be told now.

    A listener goes on from the last number it has seen, so nothing below that may come later: at a missing number the
    telling stops until ``waited`` seconds show that it will not come.
    """
    if not numbers or (numbers[0] != told + 1 and waited < PATIENCE_SECONDS):
        return 0
    length = 1
    while length < len(numbers) and numbers[length] == numbers[length - 1] + 1:
        length += 1
    return length
