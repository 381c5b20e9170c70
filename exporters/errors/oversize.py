"""What is kept of a report that is too large: what its beginning tells, and why there is no more. Pure."""

from __future__ import annotations

import re
from typing import Any, get_args

from exporters.errors.contract import ErrorKind, Level

UNNAMED = "ReportTooLarge"
UNKNOWN = "unknown"
_TOLD = re.compile(
    r'"(error_type|message|level|service|type|affects|region|route|transaction|release|environment|event_id)"'
    r'[ \t\r\n]{0,8}:[ \t\r\n]{0,8}"((?:[^"\\\x00-\x1f]|\\.){0,500})"'
)


def trace_of(head: bytes, reason: str, *, service: str = "", level: Level | None = None) -> dict[str, Any]:
    """Return the members of a report that stands for one that was not taken; `reason` says what it was too large for.

    The event id is kept beside, not used: the whole report may still come, in a smaller form.
    """
    told: dict[str, str] = {}
    for name, value in _TOLD.findall(head.decode("utf-8", "replace")):
        told.setdefault(name, value)
    named_level, kind = told.get("level", ""), told.get("type", "")
    return {
        "error_type": told.get("error_type") or UNNAMED,
        "message": " ".join(part for part in (told.get("message", ""), f"(cut off: {reason})") if part),
        "level": named_level if named_level in get_args(Level) else (level or "api"),
        "service": told.get("service") or service or UNKNOWN,
        "type": kind if kind in get_args(ErrorKind) else "error",
        "affects": told.get("affects"),
        "region": told.get("region"),
        "route": told.get("route") or told.get("transaction"),
        "release": told.get("release"),
        "environment": told.get("environment"),
        "truncated": {"reason": reason, "event_id": told.get("event_id", "")},
    }
