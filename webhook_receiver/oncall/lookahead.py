"""What will be missing in the days to come, from the file and the overrides. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from webhook_receiver.oncall import coverage, findings
from webhook_receiver.oncall.coverage import Uncovered, Window
from webhook_receiver.oncall.findings import Finding
from webhook_receiver.oncall.roles import Bench, critical_ways
from webhook_receiver.oncall.schedule import Override, Span, spans
from wedsync_core.season import Region, WeddingIndex
from wedsync_core.settings import EVERYONE, Settings

EMPTY_ROLE_WARNING: Final = timedelta(hours=24)


@dataclass(frozen=True)
class Outlook:
    """What will be missing, seen from ``now``. ``windows`` is how many wedding windows were looked at."""

    now: datetime
    findings: list[Finding]
    policy: str
    roles: list[str]
    windows: int
    uncovered: list[Uncovered]
    empty_seconds: dict[str, float]
    """Of the next 24 hours, by role that a policy tells."""


def look_ahead(settings: Settings, overrides: Sequence[Override], windows: Sequence[Window], now: datetime) -> Outlook:
    """Return what will be missing in the 30 days from ``now``."""
    resolved = resolve(settings, overrides, now, now + coverage.LOOK_AHEAD + coverage.LONGEST_WINDOW)
    bench = Bench(settings.people, settings.roles, resolved)
    weak = findings.weaknesses(settings)
    for name, schedule in settings.schedules.items():
        weak.extend(findings.gaps(name, schedule.zone, _until(resolved[name], now + findings.LOOK_AHEAD)))
    weak.extend(findings.ignored(one) for one in overrides if not is_usable(settings, one))
    policy, roles = wedding_day_roles(settings)
    reachable = [key for key, person in settings.people.items() if critical_ways(person, settings.channels)]
    return Outlook(
        now=now,
        findings=weak,
        policy=policy,
        roles=roles,
        windows=len(windows),
        uncovered=coverage.uncovered(windows, bench, roles, reachable, now),
        empty_seconds={role: _empty_seconds(bench, role, now) for role in roles_told(settings)},
    )


def wedding_windows(
    index: WeddingIndex | None, regions: Iterable[Region], now: datetime, *, list_is_fresh: bool
) -> list[Window]:
    """Return the windows that must be covered; without a fresh list every Saturday counts as well."""
    listed = coverage.windows_of(index, now) if index is not None else []
    return listed if index is not None and list_is_fresh else [*listed, *coverage.saturdays(regions, now)]


def resolve(settings: Settings, overrides: Iterable[Override], begin: datetime, end: datetime) -> dict[str, list[Span]]:
    """Return the spans of every schedule in [begin, end) under these overrides."""
    usable = [one for one in overrides if is_usable(settings, one)]
    return {
        name: spans(schedule, begin, end, [one for one in usable if one.schedule == name])
        for name, schedule in settings.schedules.items()
    }


def is_usable(settings: Settings, override: Override) -> bool:
    """Return whether all it names is in the file: who has left must not be paged, nor stop the page to others."""
    return override.person in settings.people and override.schedule in settings.schedules


def wedding_day_roles(settings: Settings) -> tuple[str, list[str]]:
    """Return the policy of a critical incident on a wedding day, and whom its first two steps tell."""
    name = settings.escalation.policy_for("critical", on_wedding_day=True)
    steps = settings.escalation.policies[name].steps[:2]
    return name, list(dict.fromkeys(role for step in steps for role in step.roles))


def roles_told(settings: Settings) -> list[str]:
    """Return the roles that some policy tells, each once; everybody is no role that could be empty."""
    policies = settings.escalation.policies.values()
    named = [role for policy in policies for step in policy.steps for role in step.roles]
    return [role for role in dict.fromkeys([*named, settings.escalation.emergency_role]) if role != EVERYONE]


def _until(found: Iterable[Span], end: datetime) -> list[Span]:
    return [Span(span.starts_at, min(span.ends_at, end), span.assigned) for span in found if span.starts_at < end]


def _empty_seconds(bench: Bench, role: str, now: datetime) -> float:
    parts = bench.filled([role], now, now + EMPTY_ROLE_WARNING)
    return sum((part.ends_at - part.starts_at).total_seconds() for part in parts if part.empty)
