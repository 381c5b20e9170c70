"""What one sighting means for the open episode of its fingerprint. Pure; each answer has a named reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from webhook_receiver.alerts.contract import Sighting


class Move(StrEnum):
    """What to do."""

    OPEN = "open"
    SEE_AGAIN = "see_again"
    CLOSE = "close"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Decision:
    """A move and why."""

    move: Move
    reason: str


@dataclass(frozen=True)
class OpenEpisode:
    """What is remembered of an alert that fires."""

    episode_id: int
    incident_id: int | None
    starts_at: datetime
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def decide(sighting: Sighting, episode: OpenEpisode | None) -> Decision:
    """Return what ``sighting`` means given the open episode of its fingerprint, if there is one.

    Identity is the fingerprint and whether an episode is open, never ``startsAt``: Alertmanager merges to the earliest
    start, and an alert that fires again may keep it.
    """
    if sighting.firing:
        if episode is None:
            return Decision(Move.OPEN, "first_sighting")
        return Decision(Move.SEE_AGAIN, "still_firing")
    if episode is None:
        return Decision(Move.IGNORE, "resolved_without_open_episode")
    if sighting.ends_at is not None and sighting.ends_at < episode.starts_at:
        # A peer's late message about an earlier life: closing on it would hide the present one.
        return Decision(Move.IGNORE, "resolution_older_than_episode")
    return Decision(Move.CLOSE, "resolved")
