"""By which of a person's ways a page goes, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from wedsync_core.season.localtime import first_moment
from wedsync_core.settings import ContactMethod, Person, QuietHours

IMPORTANT = frozenset({"critical", "high"})
"""What is never held, whatever the hour."""
SECOND_WAY_AFTER = timedelta(seconds=45)
"""An important page that nobody has answered takes the person's other ways: sent within the minute, with a retry."""
QUIET_HOURS, STEP, LIMIT, RETRY = "quiet_hours", "step", "limit", "retry"
"""Why a page waits: the person's night, a later way of telling, a slot of the person's limit, a sending that failed."""
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Planned:
    """One message of a page: through this channel, not before ``due_at``.

    ``position`` counts the person's ways of being told of one thing, ``use`` those by the same channel; ``hold`` says
    why it waits, if it does.
    """

    person: str
    channel: str
    address: str | None
    due_at: datetime
    position: int = 0
    use: int = 0
    hold: str | None = None

    @property
    def way(self) -> str:
        """Name this message among those of the same person about the same thing."""
        return f"{self.channel}-{self.use + 1}" if self.use else self.channel


def plan(key: str, person: Person, severity: str, now: datetime) -> tuple[Planned, ...]:
    """Return how a person is told of something of this severity, in the order of time; never by nothing."""
    important = severity in IMPORTANT
    zone = ZoneInfo(person.zone)
    quiet_until = None if important else end_of_quiet(person.quiet_hours, zone, now)
    planned: list[Planned] = []
    for method, after in sorted(_steps(person, severity, important=important), key=lambda step: step[1]):
        due_at = (quiet_until or now) + after
        # A later step may come into the night that the first one did not.
        held_until = None if important else end_of_quiet(person.quiet_hours, zone, due_at)
        hold = QUIET_HOURS if quiet_until or held_until else STEP if after else None
        use = sum(1 for earlier in planned if earlier.channel == method.channel)
        position = len(planned)
        planned.append(Planned(key, method.channel, method.address, held_until or due_at, position, use, hold))
    return tuple(planned)


def end_of_quiet(quiet: QuietHours | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return when the quiet hours end that ``now`` lies in, or None outside them.

    They begin and end at the first moment the person's clocks show those times, so a night on which the clocks change
    has one beginning and one end.
    """
    if quiet is None:
        return None
    past_midnight = quiet.ends <= quiet.begins
    today = now.astimezone(zone).date()
    for day in (today - _A_DAY, today):
        begins = first_moment(day, quiet.begins, zone)
        ends = first_moment(day + _A_DAY if past_midnight else day, quiet.ends, zone)
        if begins <= now < ends:
            return ends
    return None


def _steps(person: Person, severity: str, *, important: bool) -> Iterable[tuple[ContactMethod, timedelta]]:
    if person.rules is not None:
        chosen = person.rules.important if important else person.rules.default
        by_channel = {method.channel: method for method in reversed(person.contact)}
        return [(by_channel[step.channel], step.after) for step in chosen]
    fitting = [method for method in person.contact if severity in method.severities]
    # Somebody whose methods exclude this severity is still told, by the method they prefer.
    first = fitting or person.contact[:1]
    others = [method for method in person.contact if method not in first] if important else []
    return [*((method, timedelta()) for method in first), *((method, SECOND_WAY_AFTER) for method in others)]
