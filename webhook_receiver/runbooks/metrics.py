"""The series of runbooks."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from webhook_receiver.runbooks.gates import ORDER
from webhook_receiver.runbooks.run import State


class RunbookMetrics:
    """What is counted as it happens; how runs ended lately is read from the rows (``webhook_receiver.collectors``)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runs = Counter(
            "wedsync_runbook_runs_total",
            "Runs that came to a state in which they stay, or that began.",
            ["state"],
            registry=registry,
        )
        self.refusals = Counter(
            "wedsync_runbook_refusals_total", "Runs that a gate refused.", ["gate"], registry=registry
        )
        self.failures = Counter(
            "wedsync_runbook_loop_failures_total", "Turns of the runbooks' own loop that failed.", registry=registry
        )
        self.broken = Gauge("wedsync_runbooks_broken", "Pages whose front matter cannot be used.", registry=registry)
        self.loaded = Gauge("wedsync_runbooks_loaded", "Runbooks that a machine can carry out.", registry=registry)
        for state in State:
            self.runs.labels(state.value)
        for gate in (*ORDER, "parameters"):
            self.refusals.labels(gate)
