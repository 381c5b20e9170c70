"""Measures the grouping on a folder of labelled traces and messages: `python -m exporters.errors.evaluate FOLDER`.

One fixed setting, the released one; beside it what hashing the whole stack and hashing its first frame would do.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Hashable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from exporters.errors.fingerprint import VERSION
from exporters.errors.labelled import DataSet, Labelled, read_sets
from exporters.errors.measures import Clustering, auc, clustering
from exporters.errors.rehearsal import Rehearsal, describe, group_messages
from exporters.errors.similarity import AUTOMATIC, Outline, Rarity, likeness
from exporters.errors.stacks import Trace

RANKS = (1, 5, 10)
PAIRS = 20_000
"""Pairs that the AUC is taken over, half of them alike; drawn with a fixed seed."""
SEED = 7


def evaluate_stacks(data: DataSet) -> dict[str, Any]:
    """Return the measures of the grouping of stacks and of two simpler ones."""
    items = [item for item in data.items if item.trace is not None]
    labels = [item.label for item in items]
    rehearsal = Rehearsal()
    found = [rehearsal.add(_trace(item), item.message)[0] for item in items]
    return {
        "set": data.name,
        "kind": "stacks",
        "items": len(items),
        "labels": len(set(labels)),
        "read": sum(bool(_trace(item).frames) for item in items),
        "ours": _shown(clustering(labels, found)),
        "exact stack": _shown(clustering(labels, [_whole(item) for item in items])),
        "top frame": _shown(clustering(labels, [_top(item) for item in items])),
        **_retrieval(items),
    }


def evaluate_messages(data: DataSet) -> dict[str, Any]:
    """Return the measures of the grouping of messages, and of grouping by the text as it is."""
    labels = [item.label for item in data.items]
    messages = [item.message for item in data.items]
    return {
        "set": data.name,
        "kind": "messages",
        "items": len(labels),
        "labels": len(set(labels)),
        "ours": _shown(clustering(labels, group_messages(messages))),
        "exact message": _shown(clustering(labels, messages)),
    }


def _trace(item: Labelled) -> Trace:
    if item.trace is None:
        raise ValueError("a set of stacks holds an item without one")
    return item.trace


def _whole(item: Labelled) -> Hashable:
    frames = tuple((frame.file, frame.function) for frame in _trace(item).frames)
    return frames or item.text or item.message


def _top(item: Labelled) -> Hashable:
    frames = _trace(item).frames
    return (frames[0].file, frames[0].function) if frames else item.text or item.message


def _retrieval(items: Sequence[Labelled]) -> dict[str, Any]:
    """Ask, for each trace that is not the first of its label, at which place its label stands among those before it."""
    outlines = [describe(_trace(item), item.message)[1] for item in items]
    memory = Rehearsal()
    hits, asked = dict.fromkeys(RANKS, 0), 0
    label_of: dict[int, set[str]] = {}
    for item, outline in zip(items, outlines, strict=True):
        ranking = list(dict.fromkeys(name for one in memory.similar(outline) for name in sorted(label_of[one.group])))
        if any(item.label in names for names in label_of.values()):
            asked += 1
            for rank in RANKS:
                hits[rank] += item.label in ranking[:rank]
        label_of.setdefault(memory.note(outline), set()).add(item.label)
    rates = {f"recall rate@{rank}": round(hits[rank] / asked, 4) if asked else None for rank in RANKS}
    return {**rates, "queries": asked, "auc": round(auc(_scores(items, outlines, memory.rarity_of)), 4)}


def _scores(items: Sequence[Labelled], outlines: Sequence[Outline], rarity_of: Rarity) -> list[tuple[float, bool]]:
    by_label: dict[str, list[int]] = {}
    for at, item in enumerate(items):
        by_label.setdefault(item.label, []).append(at)
    chance = random.Random(SEED)  # noqa: S311 - a sample, not a secret
    several = [members for _, members in sorted(by_label.items()) if len(members) > 1]
    scores: list[tuple[float, bool]] = []
    if not several or len(by_label) < 2:
        return scores
    for _ in range(PAIRS // 2):
        one, other = chance.sample(chance.choice(several), 2)
        scores.append((likeness(outlines[one], outlines[other], rarity_of), True))
        one, other = chance.sample(range(len(items)), 2)
        if items[one].label != items[other].label:
            scores.append((likeness(outlines[one], outlines[other], rarity_of), False))
    return scores


def _shown(measured: Clustering) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(measured).items()}


def _report(result: dict[str, Any]) -> str:
    lines = [f"{result['set']}: {result['items']} {result['kind']}, {result['labels']} labels"]
    if "read" in result:
        lines[0] += f", {result['read']} with frames"
    lines.append(f"  {'':16}{'groups':>8}{'B3 P':>8}{'B3 R':>8}{'B3 F1':>8}{'ARI':>8}{'merge P':>9}{'accuracy':>10}")
    for name, row in result.items():
        if isinstance(row, dict):
            values = [row[key] for key in ("precision", "recall", "f1", "ari", "merge_precision", "accuracy")]
            shown = "".join(f"{value:>{width}.3f}" for value, width in zip(values, (8, 8, 8, 8, 9, 10), strict=True))
            lines.append(f"  {name:16}{row['groups']:>8}{shown}")
    if "auc" in result:
        rates = ", ".join(f"@{rank} {result[f'recall rate@{rank}']}" for rank in RANKS)
        lines.append(f"  recall rate {rates} ({result['queries']} queries); AUC {result['auc']}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measures of every set of a folder; returns 1 when there is none."""
    parser = argparse.ArgumentParser(prog="python -m exporters.errors.evaluate", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON, one set a line")
    asked = parser.parse_args(arguments)
    out = sys.stdout
    results = []
    for data in read_sets(asked.folder):
        result = evaluate_stacks(data) if data.stacks else evaluate_messages(data)
        results.append(result)
        out.write((json.dumps(result) if asked.json else _report(result)) + "\n")
    if not results:
        sys.stderr.write(f"no labelled traces or messages in {asked.folder}\n")
        return 1
    if not asked.json:
        out.write(f"grouping {VERSION}, a stack joins a group from likeness {AUTOMATIC} on\n" + _means(results))
    return 0


def _means(results: Sequence[dict[str, Any]]) -> str:
    lines = ""
    for kind in ("stacks", "messages"):
        of = [result for result in results if result["kind"] == kind]
        if len(of) > 1:
            f1, accuracy, merged = (
                sum(one["ours"][name] for one in of) / len(of) for name in ("f1", "accuracy", "merge_precision")
            )
            lines += f"mean of {len(of)} sets of {kind}: B3 F1 {f1:.3f}, "
            lines += f"merge precision {merged:.3f}, accuracy {accuracy:.3f}\n"
    return lines


if __name__ == "__main__":
    sys.exit(main())
