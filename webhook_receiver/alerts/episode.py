"""What one sighting means for what is remembered of its fingerprint. Pure; each answer has a named reason.

Identity is the fingerprint and whether an episode is open, never ``startsAt``: Alertmanager merges to the earliest
start, and an alert that fires again may keep it. A start only tells news from old news.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from webhook_receiver.alerts.contract import Sighting

OLD_NEWS = timedelta(seconds=15)
"""A peer of Alertmanager's can be this much behind: it waits ``peer-timeout``, 15 s, for the one before it."""
CONFIRM_WITHIN = timedelta(seconds=15)
"""A firing that may be old news is asked about at once, and believed when nobody has answered by then."""
RECORDED_ONLY = frozenset({"info", "none"})
"""Rule severities that are recorded as episodes and open nothing."""
AUTOMATIC = frozenset({"alertmanager", "reconciler"})
"""Who resolves incidents without being a person."""


class Move(StrEnum):
    """What to do."""

    OPEN = "open"
    HOLD_BACK = "hold_back"
    """A new episode without an incident, until somebody confirms it."""
    REOPEN = "reopen"
    """The last episode goes on, and with it its incident."""
    PLACE = "place"
    """The open episode has no incident yet and gets one."""
    REOPEN_INCIDENT = "reopen_incident"
    SEE_AGAIN = "see_again"
    CLOSE = "close"
    HOLD_RESOLUTION = "hold_resolution"
    """It stays open until there is evidence that it is over."""
    RECORD_END = "record_end"
    """An alert heard of for the first time when it is over."""
    IGNORE = "ignore"


@dataclass(frozen=True)
class Decision:
    """A move and why."""

    move: Move
    reason: str


@dataclass(frozen=True)
class IncidentState:
    """What counts of the incident that an episode is part of."""

    grave: bool
    """Critical or high: too much to be ended by a word alone."""
    resolved_at: datetime | None
    resolved_by: str | None

    @property
    def by_person(self) -> bool:
        """Whether a person has resolved it."""
        return self.resolved_at is not None and self.resolved_by not in AUTOMATIC


@dataclass(frozen=True)
class Remembered:
    """The latest episode of a fingerprint, open or closed."""

    episode_id: int
    fingerprint: str
    firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    starts_seen: tuple[datetime, ...]
    first_seen_at: datetime
    last_seen_at: datetime
    ends_at: datetime | None = None
    resolved_at: datetime | None = None
    resolution: str | None = None
    confirm_by: datetime | None = None
    resolve_held_at: datetime | None = None
    upstream: str = "active"
    absent_since: datetime | None = None
    incident_id: int | None = None
    incident: IncidentState | None = None

    @property
    def latest_start(self) -> datetime:
        """The start of its present life: Alertmanager may have told earlier ones since."""
        return max((self.starts_at, *self.starts_seen))

    @property
    def recorded_only(self) -> bool:
        """Whether it opens nothing, by its severity."""
        return self.labels.get("severity") in RECORDED_ONLY


@dataclass(frozen=True)
class Heard:
    """How a sighting came. ``at`` lies before ``now`` for a message that is worked off late."""

    at: datetime
    now: datetime
    reopen_window: timedelta
    complete: bool = True
    """False where Alertmanager left alerts out of the message."""
    confirmed: bool = False
    """Whether Alertmanager was asked, and answered this."""


def decide(sighting: Sighting, known: Remembered | None, heard: Heard) -> Decision:
    """Return what ``sighting`` means given what is remembered of its fingerprint."""
    if not sighting.firing:
        return _over(sighting, known, heard)
    if known is None:
        return Decision(Move.OPEN, "first_sighting")
    return _fires_still(sighting, known, heard) if known.firing else _fires_again(sighting, known, heard)


def _fires_still(sighting: Sighting, known: Remembered, heard: Heard) -> Decision:
    if known.confirm_by is not None:
        return _unconfirmed(sighting, known, heard)
    if known.incident is None:
        if known.recorded_only:
            return Decision(Move.SEE_AGAIN, "recorded_only")
        return Decision(Move.PLACE, "active_for_the_first_time")
    if known.incident.resolved_at is not None:
        return _in_a_resolved_incident(known.incident, known.incident.resolved_at, heard)
    return Decision(Move.SEE_AGAIN, "fires_while_its_end_is_doubted" if known.resolve_held_at else "still_firing")


def _unconfirmed(sighting: Sighting, known: Remembered, heard: Heard) -> Decision:
    if heard.confirmed:
        return Decision(Move.PLACE, "confirmed")
    if sighting.starts_at > known.latest_start:
        return Decision(Move.PLACE, "began_anew")
    return Decision(Move.SEE_AGAIN, "still_unconfirmed")


def _in_a_resolved_incident(incident: IncidentState, resolved_at: datetime, heard: Heard) -> Decision:
    if not incident.by_person:
        return Decision(Move.REOPEN_INCIDENT, "fires_in_a_resolved_incident")
    if heard.now - resolved_at >= heard.reopen_window:
        return Decision(Move.REOPEN_INCIDENT, "still_firing_after_resolution")
    return Decision(Move.SEE_AGAIN, "resolved_by_a_person_lately")


def _fires_again(sighting: Sighting, known: Remembered, heard: Heard) -> Decision:
    closed_at = known.resolved_at or known.last_seen_at
    if not heard.confirmed:
        if heard.at < closed_at:
            return Decision(Move.HOLD_BACK, "heard_before_its_end")
        if sighting.starts_at <= (known.ends_at or closed_at) and heard.now - closed_at < OLD_NEWS:
            return Decision(Move.HOLD_BACK, "may_be_old_news")
    if heard.now - closed_at >= heard.reopen_window:
        return Decision(Move.OPEN, "fires_again")
    if known.resolution in {"missed", "old_news", "unseen"}:
        return Decision(Move.OPEN, f"fires_after_{known.resolution}")
    if known.incident is not None and known.incident.by_person:
        return Decision(Move.OPEN, "fires_again_after_a_person_resolved")
    return Decision(Move.REOPEN, "fires_again_soon")


def _over(sighting: Sighting, known: Remembered | None, heard: Heard) -> Decision:
    if known is None:
        return Decision(Move.RECORD_END, "resolved_without_having_been_seen")
    if not known.firing:
        return Decision(Move.IGNORE, "resolved_without_open_episode")
    if sighting.ends_at is not None and sighting.ends_at < known.latest_start:
        # A peer's late message about an earlier life: closing on it would hide the present one.
        return Decision(Move.IGNORE, "resolution_older_than_episode")
    doubt = _doubt(known, heard)
    return Decision(Move.HOLD_RESOLUTION, doubt) if doubt else Decision(Move.CLOSE, "resolved")


def _doubt(known: Remembered, heard: Heard) -> str:
    """Return why the word that an alert is over is not enough; empty when it is."""
    if heard.at < known.last_seen_at:
        return "older_than_the_last_sighting"
    if not heard.complete:
        return "told_in_a_cut_message"
    incident = known.incident
    if incident is not None and incident.resolved_at is None and incident.grave:
        # A dead Prometheus ends its alerts too, four resend delays later: the word alone proves nothing.
        return "grave_needs_evidence"
    return ""
