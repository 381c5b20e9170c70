"""Who can be told, how, and who is on call, as written in the file."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wedsync_core.settings.duration import Duration, TimeOfDay
from wedsync_core.settings.section import Name, Section, SeverityName

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class ContactMethod(Section):
    """One way of reaching a person."""

    channel: Name
    address: str | None = None
    severities: list[SeverityName] = ["critical", "high", "medium", "low"]


class PersonalStep(Section):
    """Use this contact method, this long after the person was to be told, unless somebody has acknowledged."""

    channel: Name
    after: Duration = timedelta()


class PersonalRules(Section):
    """How a person wants to be told: ``important`` for critical and high, ``default`` for the rest."""

    important: Annotated[list[PersonalStep], Field(min_length=1)]
    default: Annotated[list[PersonalStep], Field(min_length=1)]


class QuietHours(Section):
    """The person's night: what is not critical or high waits until it ends. Wall time in the person's zone."""

    begins: TimeOfDay
    ends: TimeOfDay

    @model_validator(mode="after")
    def _an_end(self) -> Self:
        if self.begins == self.ends:
            raise ValueError("quiet hours must end at another time than they begin: nobody is never to be told")
        return self


class Person(Section):
    """Somebody who can be paged. The order of ``contact`` is the order of preference."""

    name: str
    zone: str = "UTC"
    contact: Annotated[list[ContactMethod], Field(min_length=1)]
    rules: PersonalRules | None = None
    quiet_hours: QuietHours | None = None


class Rotation(Section):
    """People in turn, one shift each, from ``starts`` on."""

    people: Annotated[list[Name], Field(min_length=1)]
    every: Literal["day", "week"] = "week"
    shifts: Annotated[int, Field(ge=1, le=52)] = 1
    """How many days or weeks a shift lasts."""
    starts: Annotated[date, Field(ge=date(1970, 1, 1), lt=date(2200, 1, 1))]
    hand_off: TimeOfDay = time(9, 0)


class Restriction(Section):
    """When a layer applies: on these days between two wall times; past midnight when ``ends`` is not later."""

    days: Annotated[list[Weekday], Field(min_length=1)]
    begins: TimeOfDay = time(0, 0)
    ends: TimeOfDay = time(0, 0)


class Layer(Section):
    """One rotation of a schedule. A later layer covers an earlier one where it applies."""

    name: Name
    rotation: Rotation
    restrictions: list[Restriction] = []


class Schedule(Section):
    """Who is on call when."""

    zone: str
    layers: Annotated[list[Layer], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [layer.name for layer in self.layers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two layers are called {twice!r}")
        return self


class OnSchedule(Section):
    """A role that is filled by whoever is on call in a schedule."""

    schedule: Name


RoleMembers = list[Name] | OnSchedule
