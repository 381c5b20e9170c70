"""From an alert, or a report by hand, to the facts that severity is judged by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from webhook_receiver.incidents.contract import NewIncident
from wedsync_core.severity import Signal, affected_workflows


def signal_of_alert(labels: Mapping[str, str]) -> Signal:
    """Return what an alert's labels say (DESIGN 4.4); labels that are absent say nothing."""
    region = labels.get("region", "").strip()
    return Signal(
        service=labels.get("service", "unknown"),
        type=labels.get("type", "unknown"),
        affects=affected_workflows(labels.get("affects", "")),
        regions=frozenset({region}) if region else frozenset(),
        rule_severity=labels.get("severity"),
    )


def signal_of_report(report: NewIncident) -> Signal:
    """Return what a report by hand says."""
    return Signal(
        service=report.service,
        type=report.type,
        affects=affected_workflows(report.affects),
        regions=frozenset({report.region}) if report.region else frozenset(),
        rule_severity=report.severity,
        affected_users=report.affected_users,
    )


def affected_services(signal: Signal, service_of_workflow: Mapping[str, str]) -> list[str]:
    """Return the services a signal touches: its own, and those that carry its workflows."""
    carried: Iterable[str] = (service_of_workflow.get(name, name) for name in signal.workflows)
    return sorted({signal.service, *carried})
