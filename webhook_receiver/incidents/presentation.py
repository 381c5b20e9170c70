"""How an incident looks to a client: the specification's keys, moments as RFC 3339 text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wedsync_core.clock import format_timestamp
from wedsync_core.settings import Person, RoleMembers

_COLUMNS = (
    "title",
    "description",
    "status",
    "severity",
    "wedding_impact",
    "service",
    "type",
    "affects",
    "regions",
    "auto_created",
    "decision",
    "context",
    "escalation_policy",
    "current_escalation_level",
    "escalated_at",
    "escalated_by",
    "next_escalation_at",
    "suppressed_by",
    "acknowledged_at",
    "acknowledged_by",
    "acknowledgement_expires_at",
    "resolved_at",
    "resolved_by",
    "missed",
    "resolution_held_at",
    "created_at",
    "updated_at",
)


@dataclass(frozen=True)
class People:
    """Those who can be told, and the roles of the settings they fill by name."""

    by_key: Mapping[str, Person]
    roles: Mapping[str, RoleMembers]

    def present(self, key: str | None) -> dict[str, Any] | None:
        """Return a person as the specification shows whom an incident is assigned to."""
        if key is None or key not in self.by_key:
            return None
        person = self.by_key[key]
        filled = [role for role, members in self.roles.items() if isinstance(members, list) and key in members]
        return {
            "id": key,
            "name": person.name,
            "role": filled[0] if filled else None,
            "contact_info": [method.channel for method in person.contact],
        }


def present_incident(row: Any, updates: Iterable[Any], people: People) -> dict[str, Any]:
    """Return an incident with its latest log entries and whom it is assigned to."""
    shown = {name: _plain(getattr(row, name)) for name in _COLUMNS}
    return {
        "id": str(row.id),
        **shown,
        "merged_into": str(row.merged_into) if row.merged_into is not None else None,
        "correlation": (row.correlation or {}).get("reasons", []),
        "escalation_steps": row.policy["steps"],
        "assigned_to": people.present(row.assigned_to),
        "updates": [present_event(event) for event in updates],
    }


def present_event(row: Any) -> dict[str, Any]:
    """Return one log entry."""
    return {
        "id": str(row.id),
        "kind": row.kind,
        "actor": row.actor,
        "detail": row.detail,
        "created_at": format_timestamp(row.created_at),
    }


def present_acknowledgement(row: Any) -> dict[str, Any]:
    """Return who had it, from when, in which round of its escalation."""
    return {
        "person": row.person,
        "acknowledged_at": _plain(row.acknowledged_at),
        "note": row.note,
        "cycle": row.cycle,
    }


def present_alert(row: Any) -> dict[str, Any]:
    """Return one episode of an alert."""
    return {
        "fingerprint": row.fingerprint,
        "state": row.state,
        "labels": row.labels,
        "annotations": row.annotations,
        "starts_at": _plain(row.starts_at),
        "ends_at": _plain(row.ends_at),
        "last_seen_at": _plain(row.last_seen_at),
        "sightings": row.sightings,
        "generator_url": row.generator_url,
        "correlation": row.correlation,
    }


def present_notification(row: Any, calls: Iterable[Any]) -> dict[str, Any]:
    """Return one page, how far it got, and each call of a provider that carried it; never its address."""
    waits = row.state == "queued" and row.hold is not None
    return {
        "person": row.person,
        "channel": row.channel,
        "state": "held" if waits and row.hold == "quiet_hours" else row.state,
        "purpose": row.purpose,
        "attempts": row.attempts,
        "escalation_level": row.message.get("escalation_level"),
        "waits": {"for": row.hold, "until": _plain(row.due_at)} if waits else None,
        "bundle": row.bundle if row.bundle != row.idempotency_key else None,
        "created_at": _plain(row.created_at),
        "finished_at": _plain(row.finished_at),
        "last_error": row.last_error,
        "attempts_log": [
            {
                "started_at": _plain(call.started_at),
                "finished_at": _plain(call.finished_at),
                "outcome": call.outcome,
                "problem": call.problem,
                "pages": call.pages,
            }
            for call in calls
        ],
    }


def _plain(value: Any) -> Any:
    return format_timestamp(value) if isinstance(value, datetime) else value
