"""Whether a failed page is tried again, and when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_DELAYS = (1, 2, 5, 10, 20, 30, 60)
MOST_ATTEMPTS = 60
"""With the last delay repeating this is most of an hour: longer than any policy waits before it tells others."""


@dataclass(frozen=True)
class Retry:
    """Try again at ``at``, or give up (None)."""

    at: datetime | None
    reason: str


def after_failure(attempts: int, *, permanent: bool, now: datetime) -> Retry:
    """Return what follows the failed attempt number ``attempts`` (from 1)."""
    if permanent:
        return Retry(None, "permanent_refusal")
    if attempts >= MOST_ATTEMPTS:
        return Retry(None, "attempts_exhausted")
    delay = _DELAYS[min(attempts, len(_DELAYS)) - 1]
    return Retry(now + timedelta(seconds=delay), "temporary_failure")
