"""How errors look in answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from exporters.errors.contract import Refused
from exporters.errors.intake import Taken
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


def present_counts(rows: Iterable[Any], users: Mapping[Any, int]) -> list[dict[str, Any]]:
    """Fold the rows of each key and severity into one entry a key, the most frequent first."""
    entries: dict[Any, dict[str, Any]] = {}
    for row in rows:
        entry = entries.setdefault(
            row.key,
            {
                "key": str(row.key) if row.key != "" else None,
                "count": 0,
                "users": users.get(row.key, 0),
                "bySeverity": {},
                "firstSeenAt": row.first_seen_at,
                "lastSeenAt": row.last_seen_at,
            },
        )
        entry["count"] += row.errors
        entry["bySeverity"][row.severity] = row.errors
        entry["firstSeenAt"] = min(entry["firstSeenAt"], row.first_seen_at)
        entry["lastSeenAt"] = max(entry["lastSeenAt"], row.last_seen_at)
    for entry in entries.values():
        for moment in ("firstSeenAt", "lastSeenAt"):
            entry[moment] = format_timestamp(entry[moment])
    return sorted(entries.values(), key=lambda entry: (-entry["count"], str(entry["key"])))


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
