"""What one request of reports adds to every count, summed up small, and what many of them make together. Pure.

A tally is written in the transaction that stores the errors; counting happens a moment later, many at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exporters.errors.cleaning import CleanReport
from exporters.errors.traits import browser_of, role_of, third_party_of, upload_of, wedding_context, wedding_of
from wedsync_core.clock import format_timestamp, parse_timestamp
from wedsync_core.severity import WEDDING_WORKFLOWS, Decision, Severity

MINUTE, HOUR, DAY = 60, 3_600, 86_400
RESOLUTIONS = (MINUTE, HOUR, DAY)
DIMENSIONS = (
    *("error_type", "level", "service", "type", "route", "release", "severity", "region", "browser"),
    *("third_party", "wedding_context", "group"),
)
TRAITS = ("route", "release", "browser", "region", "third_party", "wedding_context")
LONGEST_VALUE = 500
_RANKS = {severity.value: severity.rank for severity in Severity}


@dataclass(frozen=True)
class Judged:
    """A report that is stored, as the tally needs it."""

    report: CleanReport
    group_id: int
    decision: Decision


@dataclass(frozen=True)
class FailedUpload:
    """An upload that a report says has failed."""

    upload_id: str
    wedding_id: str
    region: str
    service: str
    group_id: int
    event_id: str
    user: str | None
    failed_at: datetime


@dataclass
class GroupArrivals:
    """What came in for one group and release."""

    service: str
    errors: int
    occurred_at: datetime
    severity_rank: int


@dataclass
class Folded:
    """What many tallies add up to."""

    counts: dict[tuple[str, int, int, str, str], list[int]] = field(default_factory=dict)
    """(dimension, resolution, start, value, severity) to errors, first and last seen in microseconds."""
    traits: Counter[tuple[int, int, int, str, str]] = field(default_factory=Counter)
    """(resolution, start, group, trait, value) to errors."""
    users: dict[tuple[str, str, str], tuple[str, int]] = field(default_factory=dict)
    """(dimension, value, user) to role and last seen."""
    releases: dict[tuple[str, str], datetime] = field(default_factory=dict)
    arrivals: dict[tuple[int, str], GroupArrivals] = field(default_factory=dict)
    """By group and release."""
    uploads: list[FailedUpload] = field(default_factory=list)


def entries_of(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """Return the JSON of one request's tally: one entry for all reports that are alike in everything counted."""
    entries: dict[tuple[str, ...], dict[str, Any]] = {}
    for one in judged:
        values = _values(one)
        entry = entries.setdefault(tuple(values.values()), {"d": values, "n": 0, "u": {}, "f": []})
        entry["n"] += 1
        occurred_at = format_timestamp(one.report.occurred_at)
        entry["at"] = max(entry.get("at", occurred_at), occurred_at)
        if one.report.user is not None:
            entry["u"][one.report.user] = role_of(one.report)
        if is_failed_upload(one.report):
            entry["f"].append(_failed(one))
    return list(entries.values())


def is_failed_upload(report: CleanReport) -> bool:
    """Tell whether a report says that one upload failed: it names it, and is about uploads or lost data."""
    about = (
        report.type == "data_loss" or "photo_upload" in report.affects or not (WEDDING_WORKFLOWS & {*report.affects})
    )
    return about and bool(upload_of(report))


def fold(tallies: Sequence[tuple[datetime, Sequence[Mapping[str, Any]]]]) -> Folded:
    """Add up tallies, each with the moment its errors came in."""
    folded = Folded()
    for received_at, entries in tallies:
        moment = micros(received_at)
        for entry in entries:
            _add(folded, entry, received_at, moment)
    return folded


def micros(moment: datetime) -> int:
    """Return microseconds since 1970."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _values(one: Judged) -> dict[str, str]:
    report = one.report
    calendar = one.decision.inputs.get("calendar", {})
    values = {
        "error_type": report.error_type,
        "level": report.level,
        "service": report.service,
        "type": report.type,
        "route": report.route,
        "release": report.release,
        "severity": one.decision.severity.value,
        "region": report.region,
        "browser": browser_of(report),
        "third_party": third_party_of(report),
        "wedding_context": wedding_context(calendar),
        "group": str(one.group_id),
    }
    return {name: value[:LONGEST_VALUE] for name, value in values.items()}


def _failed(one: Judged) -> dict[str, Any]:
    report = one.report
    return {
        "id": upload_of(report),
        "w": wedding_of(report),
        "e": report.event_id,
        "u": report.user,
        "at": format_timestamp(report.occurred_at),
    }


def _add(folded: Folded, entry: Mapping[str, Any], received_at: datetime, moment: int) -> None:
    values, errors, group = entry["d"], int(entry["n"]), int(entry["d"]["group"])
    severity = values["severity"]
    second = moment // 1_000_000
    for resolution in RESOLUTIONS:
        start = second - second % resolution
        for dimension in DIMENSIONS:
            key = dimension, resolution, start, values.get(dimension, ""), severity
            known = folded.counts.setdefault(key, [0, moment, moment])
            known[0] += errors
            known[1], known[2] = min(known[1], moment), max(known[2], moment)
        if resolution != MINUTE:
            for trait in TRAITS:
                folded.traits[resolution, start, group, trait, values.get(trait, "")] += errors
    for user, role in entry["u"].items():
        for dimension in DIMENSIONS:
            folded.users[dimension, values.get(dimension, ""), user] = role, moment
    _arrive(folded, entry, group, received_at)


def _arrive(folded: Folded, entry: Mapping[str, Any], group: int, received_at: datetime) -> None:
    values, occurred_at = entry["d"], parse_timestamp(entry["at"])
    if values["release"]:
        known = folded.releases.get((values["service"], values["release"]), received_at)
        folded.releases[values["service"], values["release"]] = min(known, received_at)
    rank = _RANKS[values["severity"]]
    came = folded.arrivals.get((group, values["release"]))
    if came is None:
        came = GroupArrivals(values["service"], 0, occurred_at, rank)
        folded.arrivals[group, values["release"]] = came
    came.errors += int(entry["n"])
    came.occurred_at = max(came.occurred_at, occurred_at)
    came.severity_rank = max(came.severity_rank, rank)
    for failed in entry["f"]:
        folded.uploads.append(
            FailedUpload(
                failed["id"],
                failed["w"],
                values["region"],
                values["service"],
                group,
                failed["e"],
                failed["u"],
                parse_timestamp(failed["at"]),
            )
        )
