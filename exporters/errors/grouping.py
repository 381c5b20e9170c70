"""Finds the group of an error: by its key, by its key of the version before, by likeness; else it opens one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from exporters.errors import grouping_store, store
from exporters.errors.cleaning import CleanReport
from exporters.errors.fingerprint import Fingerprint, Grouping
from exporters.errors.grouping_store import NewKey, Standing
from exporters.errors.joining import (
    FEATURES_ASKED,
    VARIANTS,
    Similar,
    features,
    joins,
    ranked,
    slots,
    suggestions,
)
from exporters.errors.similarity import Outline, Rarity, rarity
from exporters.errors.version1 import key_v1
from wedsync_core.storage import Transaction

Prepared = tuple[CleanReport, Fingerprint]
_WORDINGS = frozenset(
    {Grouping.MESSAGE_WITHOUT_STACK, Grouping.MESSAGE_WITHOUT_FRAMES, Grouping.MESSAGE_WITHOUT_OWN_FRAMES}
)


def find_groups(transaction: Transaction, reports: Sequence[Prepared], now: datetime) -> dict[str, Standing]:
    """Return the group that each fingerprint's key goes to, opening those that are new (with no occurrences yet).

    In the common case every key is known and this is one query.
    """
    firsts: dict[str, Prepared] = {}
    for report, print_ in reports:
        firsts.setdefault(print_.key, (report, print_))
    known = grouping_store.standings(transaction, firsts)
    # In the order of their keys two requests never wait for each other's rows.
    for key in sorted(firsts.keys() - known.keys()):
        grouping_store.remember(transaction, [_placed(transaction, *firsts[key], now)], now)
    return known | grouping_store.standings(transaction, firsts.keys() - known.keys())


def with_groups_name(print_: Fingerprint, standing: Standing) -> Fingerprint:
    """Return the fingerprint under its group's name: by that an alarm is known, whichever key led to the group."""
    return print_ if print_.key == standing.fingerprint else replace(print_, key=standing.fingerprint)


def similar_groups(transaction: Transaction, members: Sequence[int]) -> list[dict[str, Any]]:
    """Return the groups that are like a group but for itself, the most alike first."""
    best: dict[int, float] = {}
    for own in grouping_store.outlines_of(transaction, members):
        names = _features(own.outline, _service_of(transaction, members))
        for one in _similar(transaction, own.outline, names):
            if one.group not in members:
                best[one.group] = max(best.get(one.group, 0.0), one.likeness)
    found = suggestions(
        [Similar(group, alike) for group, alike in sorted(best.items(), key=lambda of: (-of[1], of[0]))]
    )
    told = grouping_store.titles(transaction, [one.group for one in found])
    return [
        {
            "groupId": str(one.group),
            "likeness": round(one.likeness, 3),
            "title": told[one.group].title,
            "service": told[one.group].service,
            "severity": told[one.group].severity,
            "occurrences": told[one.group].occurrences,
        }
        for one in found
        if one.group in told
    ]


def _service_of(transaction: Transaction, members: Sequence[int]) -> str:
    told = grouping_store.titles(transaction, members)
    return str(told[members[0]].service) if members and members[0] in told else ""


def _placed(transaction: Transaction, report: CleanReport, print_: Fingerprint, now: datetime) -> NewKey:
    """Decide where a key that is not known goes."""
    words = slots(print_.basis[-1]) if print_.reason in _WORDINGS else []
    names = (
        _features(print_.outline, report.service)
        if print_.outline.frames
        else {_feature(f"{report.service}\n{report.error_type}\n{slot}"): slot for slot in words}
    )

    def new(group: int, how: str, likeness: float | None = None) -> NewKey:
        return NewKey(print_.key, group, how, likeness, print_.outline, list(names))

    before = key_v1(report)
    earlier = grouping_store.named(transaction, (print_.key, before))
    if print_.key in earlier:
        return new(earlier[print_.key], "opened")
    # What a client or a rule decides now may differ on purpose from what was decided before.
    if before in earlier and print_.reason not in (Grouping.CLIENT_FINGERPRINT, Grouping.RULE):
        return new(earlier[before], "version")
    if print_.outline.frames:
        joined = joins(_similar(transaction, print_.outline, names))
        if joined is not None:
            return new(joined.group, "likeness", round(joined.likeness, 4))
    elif (group := _varying(transaction, list(names))) is not None:
        return new(group, "wording")
    return new(store.open_group(transaction, report, print_, now), "opened")


def _varying(transaction: Transaction, names: Sequence[str]) -> int | None:
    """Return the group of wordings that differ in one word only, if that word has had enough values."""
    counts = grouping_store.counts(transaction, names)
    for name in names:
        if counts.get(name, 0) >= VARIANTS - 1:
            groups = grouping_store.groups_in_slot(transaction, name, VARIANTS * 4)
            if groups:
                grouping_store.point(transaction, groups[1:], groups[0])
                return groups[0]
    return None


def _similar(transaction: Transaction, outline: Outline, names: Mapping[str, str]) -> list[Similar]:
    counts = grouping_store.counts(transaction, names)
    known = [name for name in names if counts.get(name)]
    asked = sorted(known, key=lambda name: counts[name])[:FEATURES_ASKED]
    return ranked(outline, grouping_store.having(transaction, asked), _rarity(names, counts))


def _rarity(names: Mapping[str, str], counts: Mapping[str, int]) -> Rarity:
    total = counts.get("", 0)
    seen = {frame: counts.get(name, 0) for name, frame in names.items()}
    return lambda frame: rarity(seen.get(frame, 1), total)


def _features(outline: Outline, service: str) -> dict[str, str]:
    """Return the stored names of the frames of an outline: only errors of one service are ever alike."""
    return {_feature(f"{service}\n{frame}"): frame for frame in features(outline)}


def _feature(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
