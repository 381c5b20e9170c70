"""How good a grouping is, measured against labels. Pure.

B-cubed after Bagga and Baldwin (1998); the adjusted Rand index after Hubert and Arabie (1985); grouping accuracy as in
the Loghub benchmark: the share of messages whose group holds exactly the messages of their label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

Names = Sequence[Hashable]


@dataclass(frozen=True)
class Clustering:
    """The measures of one way of grouping; each from 0 to 1 but the Rand index, which may fall below 0."""

    precision: float
    recall: float
    f1: float
    ari: float
    merge_precision: float
    """Of all pairs that are in one group, the share that belongs together."""
    accuracy: float
    groups: int


def clustering(labels: Names, found: Names) -> Clustering:
    """Compare groups with labels, item by item."""
    count = len(labels)
    both = Counter(zip(labels, found, strict=True))
    by_label, by_group = Counter(labels), Counter(found)
    precision = sum(n * n / by_group[group] for (_, group), n in both.items()) / count
    recall = sum(n * n / by_label[label] for (label, _), n in both.items()) / count
    together, grouped, labelled = _pairs(both.values()), _pairs(by_group.values()), _pairs(by_label.values())
    expected = grouped * labelled / _pairs([count]) if count > 1 else 0.0
    highest = (grouped + labelled) / 2
    exact = sum(n for (label, group), n in both.items() if n == by_label[label] == by_group[group])
    return Clustering(
        precision,
        recall,
        2 * precision * recall / (precision + recall),
        1.0 if highest == expected else (together - expected) / (highest - expected),
        together / grouped if grouped else 1.0,
        exact / count,
        len(by_group),
    )


def _pairs(counts: Iterable[int]) -> float:
    return sum(n * (n - 1) / 2 for n in counts)


def auc(scores: Sequence[tuple[float, bool]]) -> float:
    """Return how often a pair that belongs together scores higher than one that does not; ties count half."""
    ordered = sorted(scores)
    positives = sum(alike for _, alike in ordered)
    negatives = len(ordered) - positives
    if not positives or not negatives:
        return 0.5
    ranks, at = 0.0, 0
    while at < len(ordered):
        upto = at
        while upto < len(ordered) and ordered[upto][0] == ordered[at][0]:
            upto += 1
        ranks += (at + upto + 1) / 2 * sum(alike for _, alike in ordered[at:upto])
        at = upto
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)
