"""Looking ahead, again and again: what will be missing, while there is time to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from webhook_receiver.oncall import coverage, findings
from webhook_receiver.oncall.findings import Finding
from webhook_receiver.oncall.metrics import OnCallMetrics
from webhook_receiver.oncall.roles import Bench, critical_ways
from webhook_receiver.oncall.schedule import Span
from webhook_receiver.oncall.service import OnCall
from wedsync_core.clock import Clock
from wedsync_core.season import Region
from wedsync_core.settings import EVERYONE, Settings
from wedsync_core.telemetry.logs import get_log
from wedsync_core.weddings.source import WeddingsInUse

EMPTY_ROLE_WARNING: Final = timedelta(hours=24)
UNCOVERED_WARNING: Final = timedelta(days=7)


@dataclass(frozen=True)
class Review:
    """What will be missing, seen from ``now``. ``windows`` is how many wedding windows were looked at."""

    now: datetime
    findings: list[Finding]
    policy: str
    roles: list[str]
    windows: int
    uncovered: list[coverage.Uncovered]
    empty_seconds: dict[str, float]
    """Of the next 24 hours, by role that a policy tells."""


class Reviewer:
    """Looks at the schedules as they will be."""

    def __init__(
        self,
        *,
        settings: Settings,
        on_call: OnCall,
        regions: Iterable[Region],
        weddings: Callable[[], WeddingsInUse | None],
        clock: Clock,
        metrics: OnCallMetrics,
    ) -> None:
        self._settings = settings
        self._on_call = on_call
        self._regions = tuple(regions)
        self._weddings = weddings
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("oncall")
        self._told: set[tuple[str, str]] = set()

    def review(self) -> int:
        """Look ahead, show it as series, and log each finding once. Returns 0: it handles no rows."""
        found = self.look_ahead(self._clock.now())
        soon = found.now + UNCOVERED_WARNING
        self._metrics.reviewed_at(
            found.now.timestamp(),
            findings.by_kind(found.findings),
            {
                "7d": sum(one.holes[0].starts_at < soon for one in found.uncovered),
                "30d": len(found.uncovered),
            },
            found.empty_seconds,
        )
        self._tell(found)
        return 0

    def look_ahead(self, now: datetime) -> Review:
        """Return what will be missing in the 30 days from ``now``."""
        end = now + coverage.LOOK_AHEAD + coverage.LONGEST_WINDOW
        overrides = self._on_call.overrides(now, end)
        resolved = self._on_call.resolved_with(overrides, now, end)
        bench = Bench(self._settings.people, self._settings.roles, resolved)
        weak = findings.weaknesses(self._settings)
        for name, schedule in self._settings.schedules.items():
            weak.extend(findings.gaps(name, schedule.zone, _until(resolved[name], now + findings.LOOK_AHEAD)))
        weak.extend(findings.ignored(one) for one in overrides if not self._on_call.is_usable(one))
        policy, roles = self._wedding_day_roles()
        windows = self._windows(now)
        reachable = [key for key, one in self._settings.people.items() if critical_ways(one, self._settings.channels)]
        return Review(
            now=now,
            findings=weak,
            policy=policy,
            roles=roles,
            windows=len(windows),
            uncovered=coverage.uncovered(windows, bench, roles, reachable, now),
            empty_seconds={role: _empty_seconds(bench, role, now) for role in roles_told(self._settings)},
        )

    def _windows(self, now: datetime) -> list[coverage.Window]:
        known = self._weddings()
        listed = coverage.windows_of(known.index, now) if known and known.index is not None else []
        trusted = known is not None and known.index is not None and known.list_is_fresh
        return listed if trusted else [*listed, *coverage.saturdays(self._regions, now)]

    def _wedding_day_roles(self) -> tuple[str, list[str]]:
        """Return the policy of a critical incident on a wedding day, and whom its first two steps tell."""
        name = self._settings.escalation.policy_for("critical", on_wedding_day=True)
        steps = self._settings.escalation.policies[name].steps[:2]
        return name, list(dict.fromkeys(role for step in steps for role in step.roles))

    def _tell(self, found: Review) -> None:
        """Log what is new; what has ended may be told again."""
        present = {(one.kind.value, one.place): one.sentence for one in found.findings}
        for one in found.uncovered:
            # One line a day: the regions of a Saturday mostly lack the same people.
            present.setdefault(
                ("uncovered_wedding", str(one.window.day)), f"{one.window.region}: {one.holes[0].reason}"
            )
        for (kind, place), sentence in present.items():
            if (kind, place) not in self._told:
                self._log.warning("oncall_finding", kind=kind, place=place, sentence=sentence)
        self._told = set(present)


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
