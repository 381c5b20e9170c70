"""From roles to people at a moment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from wedsync_core.settings import EVERYONE, OnSchedule, Person, RoleMembers

OnCall = Callable[[str, datetime], list[str]]
"""Returns the people on call in a schedule at a moment."""


@dataclass(frozen=True)
class Found:
    """Whom a step tells. ``fallback`` says why the emergency role stands in, if it does."""

    people: tuple[str, ...]
    empty_roles: tuple[str, ...]
    fallback: str | None


@dataclass(frozen=True)
class Roster:
    """The people, their roles, and who is told when nobody else is found."""

    people: Mapping[str, Person]
    roles: Mapping[str, RoleMembers]
    emergency_role: str
    on_call: OnCall

    def members(self, role: str, now: datetime) -> list[str]:
        """Return the people in a role at ``now``; ``all_hands`` is everybody."""
        if role == EVERYONE:
            return list(self.people)
        members = self.roles.get(role, [])
        return self.on_call(members.schedule, now) if isinstance(members, OnSchedule) else list(members)

    def find(self, roles: Iterable[str], now: datetime) -> Found:
        """Return whom ``roles`` stand for at ``now``, each person once.

        When all the roles are empty the emergency role stands in: never nobody.
        """
        filled = {role: self.members(role, now) for role in roles}
        people = list(dict.fromkeys(person for members in filled.values() for person in members))
        empty = tuple(role for role, members in filled.items() if not members)
        if people:
            return Found(tuple(people), empty, None)
        return Found(tuple(self.members(self.emergency_role, now)), empty, "every role of the step is empty")
