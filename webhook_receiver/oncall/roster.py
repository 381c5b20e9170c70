"""From roles to people, from people to the ways of reaching them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wedsync_core.settings import Person
from wedsync_core.settings.model import EVERYONE


@dataclass(frozen=True)
class Reach:
    """One way of telling one person."""

    person: str
    channel: str
    address: str | None


@dataclass(frozen=True)
class Found:
    """Who a step tells. ``fallback`` names why the emergency role stands in, if it does."""

    reaches: tuple[Reach, ...]
    empty_roles: tuple[str, ...]
    fallback: str | None


@dataclass(frozen=True)
class Roster:
    """The people, their roles, and who is told when nobody else is found."""

    people: Mapping[str, Person]
    roles: Mapping[str, list[str]]
    emergency_role: str

    def members(self, role: str) -> list[str]:
        """Return the people in a role; ``all_hands`` is everybody."""
        return list(self.people) if role == EVERYONE else list(self.roles.get(role, []))

    def reach(self, roles: Iterable[str], severity: str) -> Found:
        """Return how the people in ``roles`` are told of something of this severity: each person once.

        When all the roles are empty the emergency role stands in: never nobody.
        """
        wanted = list(roles)
        people = list(dict.fromkeys(person for role in wanted for person in self.members(role)))
        empty = tuple(role for role in wanted if not self.members(role))
        fallback = None
        if not people:
            fallback = "every role of the step is empty"
            people = self.members(self.emergency_role)
        reaches = tuple(reach for person in people for reach in self._methods(person, severity))
        return Found(reaches, empty, fallback)

    def _methods(self, person: str, severity: str) -> list[Reach]:
        contact = self.people[person].contact
        fitting = [method for method in contact if severity in method.severities]
        # Somebody whose methods exclude this severity is still told, by the method they prefer.
        chosen = fitting or contact[:1]
        return [Reach(person, method.channel, method.address) for method in chosen]
