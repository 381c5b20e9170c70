"""How the schedules look to a client: moments as RFC 3339 text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from webhook_receiver.oncall.coverage import Uncovered
from webhook_receiver.oncall.findings import Finding
from webhook_receiver.oncall.schedule import Span
from wedsync_core.clock import format_timestamp
from wedsync_core.settings import Person

Shown = dict[str, Any]


def present_turns(found: Sequence[Span], people: Mapping[str, Person]) -> Shown:
    """Return who is on call in the first of ``found``, until when (null: not within them), and who is next."""
    now, following = found[0], found[1:]
    return {
        "now": _on_call(now, people),
        "until": format_timestamp(now.ends_at) if following else None,
        "next": _turn(following, people),
    }


def _turn(following: Sequence[Span], people: Mapping[str, Person]) -> Shown | None:
    if not following:
        return None
    span = following[0]
    return {
        "people": _on_call(span, people),
        "from": format_timestamp(span.starts_at),
        "until": format_timestamp(span.ends_at) if len(following) > 1 else None,
    }


def _on_call(span: Span, people: Mapping[str, Person]) -> list[Shown]:
    return [{"person": one.person, "name": people[one.person].name, "because": one.because} for one in span.assigned]


def present_members(members: Sequence[str], people: Mapping[str, Person]) -> Shown:
    """Return a role that is a list: the same people always."""
    named = [{"person": key, "name": people[key].name, "because": "named in the role"} for key in members]
    return {"now": named, "until": None, "next": None}


def present_finding(finding: Finding) -> Shown:
    """Return one weak spot."""
    return {"kind": finding.kind.value, "place": finding.place, "sentence": finding.sentence}


def present_uncovered(found: Uncovered) -> Shown:
    """Return one uncovered window."""
    window = found.window
    return {
        "day": window.day.isoformat(),
        "region": window.region,
        "weddings": window.weddings,
        "opens": format_timestamp(window.opens),
        "closes": format_timestamp(window.closes),
        "holes": [
            {"from": format_timestamp(hole.starts_at), "to": format_timestamp(hole.ends_at), "reason": hole.reason}
            for hole in found.holes
        ],
    }


def present_override(row: Any, now: datetime) -> Shown:
    """Return one override: ``state`` is ahead, in_effect, ended or cancelled."""
    return {
        "id": str(row.id),
        "who": row.person,
        "schedule": row.schedule,
        "replaces": row.replaces,
        "from": format_timestamp(row.starts_at),
        "to": format_timestamp(row.ends_at),
        "reason": row.reason,
        "state": _state(row, now),
        "created_at": format_timestamp(row.created_at),
        "created_by": row.created_by,
        "cancelled_at": format_timestamp(row.cancelled_at) if row.cancelled_at else None,
    }


def _state(row: Any, now: datetime) -> str:
    if row.cancelled_at is not None:
        return "cancelled"
    if row.ends_at <= now:
        return "ended"
    return "in_effect" if row.starts_at <= now else "ahead"
