"""Whether a failed page is tried again, and when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_DELAYS = (1, 2, 5, 10, 20, 30, 60)
MOST_ATTEMPTS = 60
"""With the last delay repeating this is most of an hour: longer than any policy waits before it tells others."""
LONGEST_ASKED = timedelta(minutes=2)
"""A provider that asks for patience (Retry-After) gets this much at most: a page is not its to put off."""


@dataclass(frozen=True)
class Retry:
    """Try again at ``at``, or give up (None)."""

    at: datetime | None
    reason: str


def after_failure(attempts: int, *, permanent: bool, now: datetime, asked: timedelta | None = None) -> Retry:
    """Return what follows the failed attempt number ``attempts`` (from 1). ``asked``: the provider's Retry-After."""
    if permanent:
        return Retry(None, "permanent_refusal")
    if attempts >= MOST_ATTEMPTS:
        return Retry(None, "attempts_exhausted")
    delay = timedelta(seconds=_DELAYS[min(attempts, len(_DELAYS)) - 1])
    if asked is not None and asked > delay:
        return Retry(now + min(asked, max(delay, LONGEST_ASKED)), "provider_asked")
    return Retry(now + delay, "temporary_failure")
