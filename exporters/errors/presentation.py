"""How errors look in answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from exporters.errors.contract import Refused
from exporters.errors.intake import Taken
from exporters.errors.life import Life, State
from exporters.errors.moving import Moved
from exporters.errors.trending import Trend
from wedsync_core.clock import format_timestamp
from wedsync_core.season import RegionFacts


def present_taken(taken: Taken) -> dict[str, Any]:
    """Return the answer to one stored report; the first three keys are the specification's."""
    return {
        "errorId": taken.error.event_id,
        "severity": taken.error.severity,
        "alertTriggered": taken.error.alert_triggered,
        "groupId": str(taken.error.group_id),
        "duplicate": taken.duplicate,
        "rule": taken.error.decision["rule"],
        "reasons": taken.error.decision["reasons"],
    }


def present_item(index: int, item: Taken | Refused) -> dict[str, Any]:
    """Return one entry of a batch's answer."""
    if isinstance(item, Refused):
        return {"index": index, "status": "refused", "problem": item.problem.as_json()}
    status = "duplicate" if item.duplicate else "stored"
    return {"index": index, "status": status, **present_taken(item)}


def present_occurrence(row: Any) -> dict[str, Any]:
    """Return one stored error: the clean report, its group, and why it was judged so."""
    return {
        "errorId": row.event_id,
        "groupId": str(row.group_id),
        "severity": row.severity,
        "alertTriggered": row.alert_triggered,
        "receivedAt": format_timestamp(row.received_at),
        "decision": row.decision,
        "report": row.report,
    }


def present_group(row: Any) -> dict[str, Any]:
    """Return one group, with what its errors have in common."""
    return {
        "id": str(row.id),
        "fingerprint": row.fingerprint,
        "grouping": row.grouping,
        "title": row.title,
        "culprit": row.culprit,
        "errorType": row.error_type,
        "level": row.level,
        "service": row.service,
        "severity": row.severity,
        "occurrences": row.occurrences,
        "firstSeenAt": format_timestamp(row.first_seen_at),
        "lastSeenAt": format_timestamp(row.last_seen_at),
        "firstRelease": row.first_release or None,
        "lastRelease": row.last_release or None,
    }


def present_key(row: Any) -> dict[str, Any]:
    """Return a key that goes to a group, and what put it there."""
    return {
        "key": row.key,
        "groupId": str(row.group_id),
        "how": row.how,
        "likeness": row.likeness,
        "since": format_timestamp(row.at),
    }


def present_counts(
    rows: Iterable[Any], users: Mapping[str, int] | None, roots: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Fold the rows of each key and severity into one entry a key, the most frequent first.

    `users` None: not known for this question. `roots` names the group that stands for each merged one.
    """
    entries: dict[str, dict[str, Any]] = {}
    for row in rows:
        key = (roots or {}).get(row.key, row.key)
        entry = entries.setdefault(
            key,
            {
                "key": key or None,
                "count": 0,
                "users": None if users is None else users.get(key, 0),
                "bySeverity": {},
                "firstSeenAt": row.first_seen,
                "lastSeenAt": row.last_seen,
            },
        )
        entry["count"] += int(row.errors)
        entry["bySeverity"][row.severity] = entry["bySeverity"].get(row.severity, 0) + int(row.errors)
        entry["firstSeenAt"] = min(entry["firstSeenAt"], row.first_seen)
        entry["lastSeenAt"] = max(entry["lastSeenAt"], row.last_seen)
    for entry in entries.values():
        for moment in ("firstSeenAt", "lastSeenAt"):
            entry[moment] = _shown(entry[moment])
    return sorted(entries.values(), key=lambda entry: (-entry["count"], str(entry["key"])))


def present_life(life: Life, evidence: Mapping[str, Any] | None, merged_into: int | None) -> dict[str, Any]:
    """Return the life of a group."""
    return {
        "status": life.state.value,
        "since": format_timestamp(life.since),
        "resolvedAt": format_timestamp(life.resolved_at) if life.resolved_at else None,
        "resolution": life.resolution.value or None,
        "release": life.release or None,
        "mutedUntil": format_timestamp(life.muted_until) if life.muted_until else None,
        "mutedUntilErrors": life.muted_errors,
        "mutedUntilUsers": life.muted_users,
        "mergedInto": None if merged_into is None else str(merged_into),
        "evidence": evidence,
    }


def present_turn(row: Any) -> dict[str, Any]:
    """Return one turn: who, when, why."""
    return {
        "groupId": str(row.group_id),
        "turn": row.turn,
        "at": format_timestamp(row.at),
        "by": row.by,
        "reason": row.reason or None,
        **row.detail,
    }


def present_moved(moved: Moved) -> dict[str, Any]:
    """Return the answer to a person's move."""
    return {
        moved.turn.turn.value: True,
        "groupId": str(moved.turn.group_id),
        "by": moved.turn.by,
        **present_life(moved.life, None, None),
        "alarmsEnded": moved.alarms_ended,
        "groups": [str(group) for group in moved.groups],
    }


def present_upload(row: Any) -> dict[str, Any]:
    """Return one upload of the ledger."""
    return {
        "uploadId": row.upload_id,
        "weddingId": row.wedding_id or None,
        "region": row.region or None,
        "service": row.service or None,
        "status": "recovered" if row.recovered_at else "lost",
        "failures": row.failures,
        "failedAt": format_timestamp(row.failed_at) if row.failed_at else None,
        "recoveredAt": format_timestamp(row.recovered_at) if row.recovered_at else None,
        "recoveredBy": row.recovered_by or None,
        "note": row.note or None,
        "errorId": row.event_id or None,
        "groupId": None if row.group_id is None else str(row.group_id),
        "user": row.user,
    }


def present_trend(told: Trend) -> dict[str, Any]:
    """Return a trend."""
    return {
        "resolutionSeconds": told.resolution,
        "series": [
            {
                "start": _shown(bucket.start * 1_000_000),
                "errors": bucket.errors,
                "bySeverity": dict(bucket.by_severity),
                "expected": None if bucket.expected is None else round(bucket.expected, 2),
            }
            for bucket in told.buckets
        ],
        "services": [
            {"service": name, "lastHour": errors, "sameHourOfWeek": None if usual is None else round(usual, 2)}
            for name, (errors, usual) in told.services.items()
        ],
        "spikes": [
            {
                **_short(told.groups.get(group), group),
                "errors": one.level.errors,
                "expected": round(one.level.expected, 2),
                "factor": one.level.factor,
                "basis": one.level.basis,
                "isNew": one.life.state is State.NEW,
            }
            for group, one in sorted(told.spikes.items(), key=lambda of: -of[1].level.errors)
        ],
        "newGroups": [_short(told.groups.get(group), group) for group in told.begun],
        "newInRelease": [
            {
                "service": row.service,
                "release": row.release,
                "firstSeenAt": format_timestamp(row.first_seen_at),
                "groups": [
                    _short(told.groups[group], group)
                    for group in told.begun
                    if group in told.groups
                    and (told.groups[group].service, told.groups[group].first_release) == (row.service, row.release)
                ],
            }
            for row in told.releases
        ],
        "patterns": [pattern.as_json() for pattern in told.patterns],
        "turns": [present_turn(row) for row in told.turns],
    }


def _short(row: Any, group: int) -> dict[str, Any]:
    if row is None:
        return {"groupId": str(group)}
    return {
        "groupId": str(group),
        "title": row.title,
        "service": row.service,
        "level": row.level,
        "severity": row.severity,
        "occurrences": row.occurrences,
        "firstSeenAt": format_timestamp(row.first_seen_at),
        "firstRelease": row.first_release or None,
    }


def _shown(moment: int) -> str:
    return format_timestamp(
        datetime.fromtimestamp(moment // 1_000_000, UTC) + timedelta(microseconds=moment % 1_000_000)
    )


def present_calendar(calendar: Mapping[str, RegionFacts]) -> dict[str, dict[str, Any]]:
    """Return what the moment means in each region: the specification's wedding context."""
    return {
        name: {
            "risk": facts.risk.value,
            "isWeekend": facts.is_weekend,
            "isWeddingSeason": facts.is_peak_season,
            "weddingsInProgress": facts.weddings_in_progress,
            "reason": facts.reason,
        }
        for name, facts in calendar.items()
    }


def present_range(since: datetime, until: datetime) -> dict[str, str]:
    """Return the bounds of a time range."""
    return {"since": format_timestamp(since), "until": format_timestamp(until)}
