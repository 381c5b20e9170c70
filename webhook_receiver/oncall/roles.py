"""Who fills roles over a time, from what is written and from the schedules' spans. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from webhook_receiver.oncall.schedule import Span
from wedsync_core.settings import EVERYONE, ChannelSettings, OnSchedule, Person, RoleMembers


@dataclass(frozen=True)
class Filled:
    """A time in which the people in some roles stay the same; ``empty`` names the roles in which nobody is."""

    starts_at: datetime
    ends_at: datetime
    people: tuple[str, ...]
    empty: tuple[str, ...]


class Bench:
    """The people in each role between two moments. ``resolved`` holds each schedule's spans over that time, whole."""

    def __init__(
        self,
        people: Mapping[str, Person],
        roles: Mapping[str, RoleMembers],
        resolved: Mapping[str, Sequence[Span]],
    ) -> None:
        self._people = people
        self._roles = roles
        self._resolved = resolved
        self._starts = {name: [span.starts_at for span in found] for name, found in resolved.items()}

    def filled(self, roles: Iterable[str], begin: datetime, end: datetime) -> list[Filled]:
        """Return [begin, end), within what was resolved, cut where the people in any of ``roles`` change."""
        wanted = list(dict.fromkeys(roles))
        bounds = {begin, end}
        for role in wanted:
            members = self._roles.get(role)
            if isinstance(members, OnSchedule):
                bounds |= {one for one in self._starts[members.schedule] if begin < one < end}
        return [self._piece(wanted, opens, closes) for opens, closes in pairwise(sorted(bounds))]

    def members(self, role: str, moment: datetime) -> tuple[str, ...]:
        """Return the people in a role at ``moment``."""
        if role == EVERYONE:
            return tuple(self._people)
        members = self._roles.get(role, [])
        if not isinstance(members, OnSchedule):
            return tuple(members)
        position = bisect_right(self._starts[members.schedule], moment) - 1
        return self._resolved[members.schedule][position].people

    def _piece(self, roles: list[str], opens: datetime, closes: datetime) -> Filled:
        found = {role: self.members(role, opens) for role in roles}
        people = dict.fromkeys(person for members in found.values() for person in members)
        return Filled(opens, closes, tuple(people), tuple(role for role, members in found.items() if not members))


def critical_ways(person: Person, channels: Mapping[str, ChannelSettings]) -> list[str]:
    """Return the channels by which a critical incident reaches somebody; a line in a console reaches nobody."""
    return [
        method.channel
        for method in person.contact
        if "critical" in method.severities and channels[method.channel].kind != "console"
    ]
