"""By which of a person's ways a page goes, and when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wedsync_core.settings import Person


@dataclass(frozen=True)
class Planned:
    """One message of a page: through this channel, not before ``due_at``."""

    person: str
    channel: str
    address: str | None
    due_at: datetime


def plan(key: str, person: Person, severity: str, now: datetime) -> tuple[Planned, ...]:
    """Return how a person is told of something of this severity; never by nothing."""
    fitting = [method for method in person.contact if severity in method.severities]
    # Somebody whose methods exclude this severity is still told, by the method they prefer.
    chosen = fitting or person.contact[:1]
    return tuple(Planned(key, method.channel, method.address, now) for method in chosen)
