"""Names in one part of the file that must stand in another: a page to nobody is found at start, not at 03:00."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from wedsync_core.problems import FieldProblem
from wedsync_core.season.localtime import load_zone
from wedsync_core.settings.channels import EmailChannel
from wedsync_core.settings.model import Settings
from wedsync_core.settings.people import OnSchedule, Person
from wedsync_core.settings.section import EVERYONE


def dangling(settings: Settings) -> list[FieldProblem]:
    """Return every reference that leads nowhere, in the order of the file."""
    return [
        *_topology(settings),
        *_projects(settings),
        *_zones(settings),
        *_people(settings),
        *_schedules(settings),
        *_roles(settings),
        *_escalation(settings),
    ]


def _topology(settings: Settings) -> Iterator[FieldProblem]:
    known = {*settings.services, *settings.workflows.values()}
    for service, called in settings.depends_on.items():
        if service not in known:
            yield FieldProblem(f"depends_on.{service}", _no_such("service", service, known))
        elif service in called:
            yield FieldProblem(f"depends_on.{service}", "a service does not depend on itself")


def _projects(settings: Settings) -> Iterator[FieldProblem]:
    for name, project in settings.errors.projects.items():
        path = f"errors.projects.{name}"
        if project.service not in settings.services:
            yield FieldProblem(f"{path}.service", _no_such("service", project.service, settings.services))
        if project.region is not None and project.region not in settings.calendar.regions:
            yield FieldProblem(f"{path}.region", _no_such("region", project.region, settings.calendar.regions))


def _zones(settings: Settings) -> Iterator[FieldProblem]:
    named = {
        **{f"calendar.regions.{name}": region.zone for name, region in settings.calendar.regions.items()},
        **{f"people.{key}": person.zone for key, person in settings.people.items()},
        **{f"schedules.{name}": schedule.zone for name, schedule in settings.schedules.items()},
    }
    for path, zone in named.items():
        try:
            load_zone(zone)
        except ValueError as error:
            yield FieldProblem(f"{path}.zone", str(error))


def _people(settings: Settings) -> Iterator[FieldProblem]:
    for key, person in settings.people.items():
        for index, method in enumerate(person.contact):
            path = f"people.{key}.contact.{index}"
            channel = settings.channels.get(method.channel)
            if channel is None:
                yield FieldProblem(f"{path}.channel", _no_such("channel", method.channel, settings.channels))
            elif isinstance(channel, EmailChannel) and not method.address:
                yield FieldProblem(f"{path}.address", "an e-mail channel needs the person's address")
        yield from _rules(key, person)


def _rules(key: str, person: Person) -> Iterator[FieldProblem]:
    if person.rules is None:
        return
    own = {method.channel for method in person.contact}
    for urgency in ("important", "default"):
        for index, step in enumerate(getattr(person.rules, urgency)):
            if step.channel not in own:
                path = f"people.{key}.rules.{urgency}.{index}.channel"
                yield FieldProblem(path, _no_such("contact method by channel", step.channel, own))


def _schedules(settings: Settings) -> Iterator[FieldProblem]:
    for name, schedule in settings.schedules.items():
        for number, layer in enumerate(schedule.layers):
            for index, person in enumerate(layer.rotation.people):
                if person not in settings.people:
                    path = f"schedules.{name}.layers.{number}.rotation.people.{index}"
                    yield FieldProblem(path, _no_such("person", person, settings.people))


def _roles(settings: Settings) -> Iterator[FieldProblem]:
    for role, members in settings.roles.items():
        if isinstance(members, OnSchedule):
            if members.schedule not in settings.schedules:
                yield FieldProblem(f"roles.{role}.schedule", _no_such("schedule", members.schedule, settings.schedules))
            continue
        for index, member in enumerate(members):
            if member not in settings.people:
                yield FieldProblem(f"roles.{role}.{index}", _no_such("person", member, settings.people))


def _escalation(settings: Settings) -> Iterator[FieldProblem]:
    known = {*settings.roles, EVERYONE}
    for name, policy in settings.escalation.policies.items():
        for number, step in enumerate(policy.steps):
            for index, role in enumerate(step.roles):
                if role not in known:
                    path = f"escalation.policies.{name}.steps.{number}.roles.{index}"
                    yield FieldProblem(path, _no_such("role", role, known))
    for number, route in enumerate(settings.escalation.routes):
        if route.policy not in settings.escalation.policies:
            path = f"escalation.routes.{number}.policy"
            yield FieldProblem(path, _no_such("policy", route.policy, settings.escalation.policies))
    last = settings.escalation.routes[-1]
    if last.severity is not None or last.on_wedding_day is not None:
        path = f"escalation.routes.{len(settings.escalation.routes) - 1}"
        yield FieldProblem(path, "the last route must fit every incident: leave its conditions out")
    emergency = settings.roles.get(settings.escalation.emergency_role)
    if not emergency or isinstance(emergency, OnSchedule):
        path = "escalation.emergency_role"
        role = settings.escalation.emergency_role
        yield FieldProblem(path, f"the role {role!r} must have at least one member, named and not by a schedule")


def _no_such(what: str, name: str, known: Collection[str]) -> str:
    return f"there is no {what} {name!r}; there is: {', '.join(sorted(known)) or 'none'}"
