"""From a report to its severity, and from a severe one to the alarm that is raised. Pure; the rules are the core's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from exporters.alarm.contract import Alarm
from exporters.errors.cleaning import CleanReport
from exporters.errors.fingerprint import Fingerprint
from wedsync_core.season import RegionFacts
from wedsync_core.severity import (
    ALL_WORKFLOWS,
    WEDDING_WORKFLOWS,
    Decision,
    Severity,
    SeveritySettings,
    Signal,
    classify,
)

OTHER = "other"
ALARMING = frozenset({Severity.CRITICAL, Severity.HIGH})
"""The specification's `alertTriggered`: critical or high."""
_KNOWN_WORKFLOWS = WEDDING_WORKFLOWS | {ALL_WORKFLOWS}
_FAILING = frozenset({"service_failure", "data_loss"})
_ALERTMANAGER_SEVERITY = {Severity.CRITICAL: "critical", Severity.HIGH: "warning"}
ALERTNAME = "CriticalErrorReported"

CalendarFacts = Callable[[datetime], Mapping[str, RegionFacts]]
HoursToWedding = Callable[[str, datetime], float | None]
"""Hours until a wedding by its id begins, 0 once it has; None for one that is over, or not known."""


@dataclass(frozen=True)
class Surroundings:
    """What is known of the house: the closed label sets, who carries which workflow, and where links lead."""

    services: frozenset[str]
    regions: frozenset[str]
    service_of_workflow: Mapping[str, str] = field(default_factory=dict)
    dashboard_url: str = ""
    runbook_url: str = f"https://github.com/wedsync/monitoring/blob/main/docs/runbooks/{ALERTNAME}.md"

    hours_to_wedding: HoursToWedding | None = None

    def service_label(self, service: str) -> str:
        """Return the service's name if it may stand in a label, else `other`."""
        return service if service in self.services else OTHER

    def region_label(self, region: str) -> str:
        """Return the region's name if it may stand in a label, `other` for an unknown one, nothing for none."""
        return region if region in self.regions or not region else OTHER


def judge(
    report: CleanReport,
    *,
    affected_users: int,
    calendar: Mapping[str, RegionFacts],
    surroundings: Surroundings,
    limits: SeveritySettings,
    hours_to_affected_wedding: float | None = None,
) -> Decision:
    """Judge a report by the calendar of its region; `affected_users` had the same error of late, this one included."""
    signal = Signal(
        service=report.service,
        type=report.type,
        affects=affected_by(report, surroundings),
        regions=frozenset({report.region}) if report.region else frozenset(),
        affected_users=affected_users,
        hours_to_affected_wedding=hours_to_affected_wedding,
    )
    return classify(signal, calendar, limits)


def affected_by(report: CleanReport, surroundings: Surroundings) -> frozenset[str]:
    """Return the workflows the report names; a failing service that names none affects those that it carries."""
    if report.affects or report.type not in _FAILING:
        return frozenset(report.affects)
    return frozenset(name for name, carrier in surroundings.service_of_workflow.items() if carrier == report.service)


def is_alarming(severity: Severity) -> bool:
    """Tell whether an error of this severity raises an alarm."""
    return severity in ALARMING


def alarm_of(report: CleanReport, fingerprint: Fingerprint, decision: Decision, surroundings: Surroundings) -> Alarm:
    """Return the alarm of an alarming report: one for each error group and region."""
    region = surroundings.region_label(report.region)
    labels = {
        "alertname": ALERTNAME,
        "severity": _ALERTMANAGER_SEVERITY[decision.severity],
        "service": surroundings.service_label(report.service),
        "type": report.type,
        "affects": ",".join(sorted(affected_by(report, surroundings) & _KNOWN_WORKFLOWS)),
        "region": region,
        "source": "ingest",
        "group": fingerprint.short,
    }
    place = f" at {fingerprint.culprit}" if fingerprint.culprit else ""
    return Alarm(
        group_key=fingerprint.key,
        region=region,
        labels={name: value for name, value in labels.items() if value},
        annotations={
            "summary": f"{report.service}: {fingerprint.title}",
            "description": f"{decision.severity.value}{place}: {'; '.join(decision.reasons)}",
            "runbook_url": surroundings.runbook_url,
            "dashboard_url": surroundings.dashboard_url,
        },
        severity_rank=decision.severity.rank,
        occurred_at=report.occurred_at,
    )
