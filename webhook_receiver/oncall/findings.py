"""What is weak in the people, roles and schedules as they are written. Pure; warnings, never a reason not to start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from webhook_receiver.oncall.roles import critical_ways
from webhook_receiver.oncall.schedule import Override, Span
from wedsync_core.season.localtime import load_zone, shown_time
from wedsync_core.settings import (
    AppriseChannel,
    ChannelSettings,
    EmailChannel,
    OnSchedule,
    Person,
    Settings,
    WebhookChannel,
)

LOOK_AHEAD: Final = timedelta(days=30)
_NIGHT: Final = (time(1), time(6))
"""Who hands off then hands off to somebody asleep; and clocks change between one and three."""


class FindingKind(StrEnum):
    """The kinds; closed, since each is a label value."""

    GAP = "gap"
    SINGLE_PERSON = "single_person"
    NO_CRITICAL_CONTACT = "no_critical_contact"
    SINGLE_PROVIDER = "single_provider"
    NIGHT_HAND_OFF = "night_hand_off"
    EMPTY_ROLE = "empty_role"
    UNUSED_SCHEDULE = "unused_schedule"
    PERSON_WITHOUT_ROLE = "person_without_role"
    OVERRIDE_IGNORED = "override_ignored"


@dataclass(frozen=True)
class Finding:
    """``place`` is the key in ``wedsync.yml`` where it can be mended, ``sentence`` what is weak about it."""

    kind: FindingKind
    place: str
    sentence: str


def weaknesses(settings: Settings) -> list[Finding]:
    """Return what is weak whatever the moment, in the order of the file."""
    return [*_people(settings), *_schedules(settings), *_roles(settings)]


def gaps(schedule: str, zone: str, found: Iterable[Span]) -> Iterator[Finding]:
    """Yield at most one finding: when, in ``found``, nobody is on call."""
    empty = [span for span in found if not span.people]
    if not empty:
        return
    together = sum((span.ends_at - span.starts_at for span in empty), timedelta())
    more = f", and {len(empty) - 1} times more" if len(empty) > 1 else ""
    sentence = (
        f"nobody is on call from {_wall(empty[0].starts_at, zone)} to {_wall(empty[0].ends_at, zone)}{more}: "
        f"{together.total_seconds() / 3600:.1f} hours of the next {LOOK_AHEAD.days} days"
    )
    yield Finding(FindingKind.GAP, f"schedules.{schedule}", sentence)


def ignored(override: Override) -> Finding:
    """Return the finding about an override of somebody or something that is no longer in the file."""
    sentence = f"override {override.override_id} has no effect: {override.person!r} or its schedule is not in the file"
    return Finding(FindingKind.OVERRIDE_IGNORED, f"schedules.{override.schedule}", sentence)


def providers(person: Person, channels: Mapping[str, ChannelSettings]) -> set[str]:
    """Return what has to work for a critical incident to reach somebody: one entry a provider."""
    return {_provider(name, channels[name]) for name in critical_ways(person, channels)}


def _provider(name: str, channel: ChannelSettings) -> str:
    """Return who carries a channel's messages. An Apprise URL is a secret in a file: each counts for itself."""
    match channel:
        case WebhookChannel():
            return urlsplit(channel.url).hostname or name
        case EmailChannel():
            return channel.host
        case AppriseChannel():
            return str(channel.url_file)
    return name


def _people(settings: Settings) -> Iterator[Finding]:
    placed = _people_in_roles(settings)
    for key, person in settings.people.items():
        ways = providers(person, settings.channels)
        place = f"people.{key}.contact"
        if not ways:
            sentence = f"{person.name} has no contact method by which a critical incident reaches a person"
            yield Finding(FindingKind.NO_CRITICAL_CONTACT, place, sentence)
        elif len(ways) == 1:
            sentence = f"a critical incident reaches {person.name} only through {next(iter(ways))}"
            yield Finding(FindingKind.SINGLE_PROVIDER, place, sentence)
        if key not in placed:
            sentence = f"{person.name} is in no role: told only when everybody is"
            yield Finding(FindingKind.PERSON_WITHOUT_ROLE, f"people.{key}", sentence)


def _people_in_roles(settings: Settings) -> set[str]:
    found: set[str] = set()
    for members in settings.roles.values():
        if isinstance(members, OnSchedule):
            layers = settings.schedules[members.schedule].layers
            found.update(person for layer in layers for person in layer.rotation.people)
        else:
            found.update(members)
    return found


def _schedules(settings: Settings) -> Iterator[Finding]:
    used = {members.schedule for members in settings.roles.values() if isinstance(members, OnSchedule)}
    for name, schedule in settings.schedules.items():
        for number, layer in enumerate(schedule.layers):
            place = f"schedules.{name}.layers.{number}.rotation"
            people = list(dict.fromkeys(layer.rotation.people))
            if len(people) == 1:
                sentence = f"{settings.people[people[0]].name} is alone in {layer.name}: nobody ever takes over"
                yield Finding(FindingKind.SINGLE_PERSON, f"{place}.people", sentence)
            elif _NIGHT[0] <= layer.rotation.hand_off < _NIGHT[1]:
                sentence = f"{layer.name} hands off at {layer.rotation.hand_off:%H:%M} in {schedule.zone}, at night"
                yield Finding(FindingKind.NIGHT_HAND_OFF, f"{place}.hand_off", sentence)
        if name not in used:
            sentence = "no role is filled by this schedule: nobody is paged because of it"
            yield Finding(FindingKind.UNUSED_SCHEDULE, f"schedules.{name}", sentence)


def _roles(settings: Settings) -> Iterator[Finding]:
    policies = settings.escalation.policies
    for role, members in settings.roles.items():
        if isinstance(members, OnSchedule) or members:
            continue
        users = [name for name, policy in policies.items() if any(role in step.roles for step in policy.steps)]
        sentence = f"nobody is in it, and {', '.join(users)} would tell it" if users else "nobody is in it"
        yield Finding(FindingKind.EMPTY_ROLE, f"roles.{role}", sentence)


def _wall(moment: datetime, zone: str) -> str:
    return f"{shown_time(moment, load_zone(zone)):%a %d %b %H:%M}"


def by_kind(found: Sequence[Finding]) -> dict[FindingKind, int]:
    """Return how many there are of each kind, 0 included."""
    return {kind: sum(finding.kind is kind for finding in found) for kind in FindingKind}
