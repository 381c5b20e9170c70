"""The life of a group of errors: what state it is in, what turns it, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from exporters.errors.releases import compare

NEW_FOR = timedelta(hours=24)
"""How long a group, or one that came back, counts as news."""
SPIKE_WINDOW = timedelta(minutes=5)
SPIKE_FLOOR = 20
"""Errors within the window below which nothing escalates: ten times next to nothing is next to nothing."""
SPIKE_FACTOR = 3.0
"""Times the expected number. What three standard deviations of a Poisson count add to it counts besides."""
CALM_FACTOR = 2.0
"""An escalation is over below this many times the expected: apart from the factor above, so that it does not flap."""
CALM_AFTER = timedelta(minutes=15)


class State(StrEnum):
    """Of a group; also the label of a gauge."""

    NEW = "new"
    ONGOING = "ongoing"
    ESCALATING = "escalating"
    REGRESSED = "regressed"
    RESOLVED = "resolved"
    MUTED = "muted"
    MERGED = "merged"


class Turn(StrEnum):
    """What can happen to a group; also the label of a counter."""

    AGED = "aged"
    ESCALATED = "escalated"
    CALMED = "calmed"
    RESOLVED = "resolved"
    RECOVERED = "recovered"
    REGRESSED = "regressed"
    REOPENED = "reopened"
    MUTED = "muted"
    UNMUTED = "unmuted"
    MERGED = "merged"
    SPLIT = "split"


class Resolution(StrEnum):
    """How a group was resolved."""

    NONE = ""
    NOW = "now"
    IN_RELEASE = "in_release"
    NEXT_RELEASE = "next_release"
    RECOVERED = "recovered"


@dataclass(frozen=True)
class Life:
    """What has become of a group."""

    state: State
    since: datetime
    resolved_at: datetime | None = None
    resolution: Resolution = Resolution.NONE
    release: str = ""
    """With `in_release` the one that mends it; otherwise the newest that was known when it was resolved."""
    muted_until: datetime | None = None
    muted_errors: int | None = None
    muted_users: int | None = None
    muted_rank: int = 0


@dataclass(frozen=True)
class Told:
    """A turn with its reason, and the life that follows."""

    turn: Turn
    reason: str
    life: Life


@dataclass(frozen=True)
class Arrival:
    """Errors of one group and release that have come in: the latest of them by its own time."""

    release: str
    occurred_at: datetime
    errors: int
    severity_rank: int


def begun(first_seen_at: datetime, now: datetime) -> Life:
    """Return the life of a group that nothing has happened to."""
    state = State.NEW if now - first_seen_at < NEW_FOR else State.ONGOING
    return Life(state, first_seen_at if state is State.NEW else first_seen_at + NEW_FOR)


def on_arrival(life: Life, arrival: Arrival, first_seen: Mapping[str, datetime], now: datetime) -> Told | None:
    """Return what new errors do to a resolved group; `first_seen` are the releases of its service.

    An error that is older than the resolution never re-opens, nor does one of an older release.
    """
    if life.state is not State.RESOLVED or life.resolved_at is None:
        return None
    reason = reopening(life, arrival, first_seen)
    return Told(Turn.REGRESSED, reason, Life(State.REGRESSED, now)) if reason else None


def reopening(life: Life, arrival: Arrival, first_seen: Mapping[str, datetime]) -> str:
    """Return why an error re-opens a resolved group; nothing when it does not."""
    if life.resolved_at is None or arrival.occurred_at <= life.resolved_at:
        return ""
    if not arrival.release:
        return "an error without a release, after it was resolved"
    if not life.release:
        return f"an error of release {arrival.release}, after it was resolved"
    return _by_release(life, arrival.release, first_seen)


def _by_release(life: Life, release: str, first_seen: Mapping[str, datetime]) -> str:
    order = compare(release, life.release, first_seen)
    if order.sign > 0:
        return f"release {release} is newer than {life.release} (by {order.basis.value})"
    again = order.sign == 0 and life.resolution is not Resolution.NEXT_RELEASE
    return f"again in release {life.release}" if again else ""


def hushed(life: Life, severity_rank: int, now: datetime) -> bool:
    """Tell whether an error of a muted group raises no alarm: only one no graver than it was when it was muted."""
    over = life.muted_until is not None and now >= life.muted_until
    return life.state is State.MUTED and not over and severity_rank <= life.muted_rank


def unmuted(life: Life, *, errors: int, users: int, first_seen_at: datetime, now: datetime) -> Told | None:
    """Return the end of a mute that is over: by time, by the group's errors in all, or by the users hit since."""
    if life.state is not State.MUTED:
        return None
    if life.muted_until is not None and now >= life.muted_until:
        reason = "its time is over"
    elif life.muted_errors is not None and errors >= life.muted_errors:
        reason = f"it has had {errors} errors"
    elif life.muted_users is not None and users >= life.muted_users:
        reason = f"{users} users were hit since"
    else:
        return None
    return Told(Turn.UNMUTED, reason, replace(begun(first_seen_at, now), since=now))


def aged(life: Life, now: datetime) -> Told | None:
    """Return the end of being news."""
    if life.state in {State.NEW, State.REGRESSED} and now - life.since >= NEW_FOR:
        return Told(Turn.AGED, "a day has passed", Life(State.ONGOING, now))
    return None


@dataclass(frozen=True)
class Level:
    """How many errors came in the window, and how many were to be expected."""

    errors: int
    expected: float
    basis: str
    """`same_hour_of_week`, `day_before` or `nothing`: what the expectation is drawn from."""

    @property
    def is_spike(self) -> bool:
        """Far more than expected, and enough to matter."""
        bound = max(SPIKE_FACTOR * self.expected, self.expected + 3 * self.expected**0.5)
        return self.errors >= SPIKE_FLOOR and self.errors > bound

    @property
    def is_calm(self) -> bool:
        """Near what is expected, or too few to matter."""
        return self.errors < SPIKE_FLOOR or self.errors <= CALM_FACTOR * self.expected

    @property
    def factor(self) -> float | None:
        """Times the expected number; None when none was expected."""
        return round(self.errors / self.expected, 2) if self.expected else None


def level(recent: int, same_hours: Sequence[int], day_before: int, age: timedelta) -> Level:
    """Return the level of a group's last SPIKE_WINDOW.

    `same_hours` are the errors of this hour of the week in the weeks before, the latest first, as far as the group
    existed; `day_before` those of the 24 hours before the window. A group is not older than `age`. Of the two
    expectations the higher holds: a Saturday is compared with Saturdays, and what already rose is not new.
    """
    share = SPIKE_WINDOW / timedelta(hours=1)
    weekly = sum(same_hours) / len(same_hours) * share if same_hours else 0.0
    span = min(max(age - SPIKE_WINDOW, SPIKE_WINDOW), timedelta(hours=24))
    daily = day_before * (SPIKE_WINDOW / span)
    if same_hours and weekly >= daily:
        return Level(recent, weekly, "same_hour_of_week")
    return Level(recent, daily, "day_before" if day_before else "nothing")


def on_level(life: Life, now_level: Level, age: timedelta, now: datetime) -> Told | None:
    """Return what a level does to a group: a spike escalates one that is known, and calm ends it.

    A group younger than the window cannot spike against itself: it is new.
    """
    if life.state in {State.NEW, State.ONGOING, State.REGRESSED} and now_level.is_spike and age >= 2 * SPIKE_WINDOW:
        expected = f"{now_level.expected:.1f} expected by {now_level.basis}"
        return Told(Turn.ESCALATED, f"{now_level.errors} in five minutes, {expected}", Life(State.ESCALATING, now))
    if life.state is State.ESCALATING and now_level.is_calm and now - life.since >= CALM_AFTER:
        return Told(Turn.CALMED, f"{now_level.errors} in five minutes", Life(State.ONGOING, now))
    return None
