"""How windows and silences look to a client."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from webhook_receiver.sources.contract import Silence
from wedsync_core.clock import format_timestamp


def present_window(row: Any, now: datetime) -> dict[str, Any]:
    """Return a window and whether it holds anything now."""
    return {
        "id": str(row.id),
        "state": _state(row, now),
        "starts_at": format_timestamp(row.starts_at),
        "ends_at": format_timestamp(row.ends_at),
        "match": row.match,
        "up_to": row.up_to,
        "reason": row.reason,
        "created_at": format_timestamp(row.created_at),
        "created_by": row.created_by,
        "cancelled_at": format_timestamp(row.cancelled_at) if row.cancelled_at else None,
    }


def present_silence(silence: Silence) -> dict[str, Any]:
    """Return a silence of Alertmanager."""
    return {
        "id": silence.silence_id,
        "state": silence.state,
        "matchers": [
            {"name": one.name, "value": one.value, "isRegex": one.is_regex, "isEqual": one.is_equal}
            for one in silence.matchers
        ],
        "starts_at": format_timestamp(silence.starts_at),
        "ends_at": format_timestamp(silence.ends_at),
        "created_by": silence.created_by,
        "comment": silence.comment,
    }


def _state(row: Any, now: datetime) -> str:
    if row.cancelled_at is not None:
        return "cancelled"
    if now >= row.ends_at:
        return "over"
    return "active" if now >= row.starts_at else "pending"
