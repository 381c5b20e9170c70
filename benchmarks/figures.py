"""How figures are printed. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least ``share`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def table(rows: Mapping[str, Sequence[float]]) -> str:
    """Return a table of n, minimum, median, p95 and maximum, in seconds, one row a name."""
    width = max(len(name) for name in rows)
    lines = [f"{'':<{width}}     n     min  median     p95     max"]
    for name, values in rows.items():
        shown = (min(values), quantile(values, 0.5), quantile(values, 0.95), max(values))
        lines.append(f"{name:<{width}}  {len(values):>4}  " + "  ".join(f"{value:>6.2f}" for value in shown))
    return "\n".join(lines)
