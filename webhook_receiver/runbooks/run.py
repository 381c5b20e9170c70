"""The life of a run, and when it has helped. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from webhook_receiver.runbooks.contract import Verify


class State(StrEnum):
    """Where a run is. From ``running`` on something may have been done."""

    SHOWN = "shown"
    """A dry run."""
    REFUSED = "refused"
    AWAITING_APPROVAL = "awaiting_approval"
    REJECTED = "rejected"
    EXPIRED = "expired"
    """Nobody approved, or answered, in time."""
    READY = "ready"
    """Its next step may be taken by any replica; ``due_at`` says from when."""
    RUNNING = "running"
    """A replica holds it, and renews its lease."""
    ASKING = "asking"
    VERIFYING = "verifying"
    MENDED = "mended"
    """The alerts cleared and stayed clear."""
    NOT_MENDED = "not_mended"
    DONE = "done"
    """All steps were taken; there was no alert to look at."""
    NOT_NEEDED = "not_needed"
    FAILED = "failed"
    STOPPED = "stopped"
    """The kill switch was turned between two steps."""
    UNKNOWN = "unknown"
    """Its runner was lost: nobody can say what was done."""


ACTIVE = (State.AWAITING_APPROVAL, State.READY, State.RUNNING, State.ASKING, State.VERIFYING)
GOOD = frozenset({State.MENDED.value, State.DONE.value, State.NOT_NEEDED.value})
BAD = frozenset({State.NOT_MENDED.value, State.FAILED.value, State.UNKNOWN.value})


@dataclass(frozen=True)
class Looked:
    """What a look at the alerts says of a run; ``state`` None: look again."""

    state: State | None
    clear_since: datetime | None
    reason: str


def verdict(verify: Verify, *, firing: int, clear_since: datetime | None, due_by: datetime, now: datetime) -> Looked:
    """Return whether a run has helped. ``clear_since`` is since when the looks before found nothing firing."""
    if firing:
        if now >= due_by:
            return Looked(State.NOT_MENDED, None, "still_firing" if clear_since is None else "fired_again")
        return Looked(None, None, "firing")
    since = clear_since or now
    if now - since >= verify.clear_for:
        return Looked(State.MENDED, since, "stayed_clear")
    if now >= due_by + verify.clear_for:
        return Looked(State.NOT_MENDED, since, "cleared_too_late")
    return Looked(None, since, "clear")
