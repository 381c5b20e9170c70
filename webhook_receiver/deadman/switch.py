"""The dead-man's switch: whether the silence of the Watchdog has lasted too long. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Switch:
    """``silent_since`` is the moment from which silence counts."""

    late: bool
    reason: str
    silent_since: datetime


def judge_silence(last_seen: datetime | None, started: datetime, now: datetime, late_after: timedelta) -> Switch:
    """Return whether the Watchdog is late.

    Silence counts from the last sighting, and not before ``started``, when this process began to listen: what was said
    while nobody listened proves nothing, and a restart must not call anybody.
    """
    since = started if last_seen is None else max(last_seen, started)
    if now - since >= late_after:
        return Switch(True, "never_seen" if last_seen is None else "silent", since)
    return Switch(False, "heard" if last_seen is not None and last_seen >= started else "just_started", since)
