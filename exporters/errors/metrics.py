"""The series of error intake."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from exporters.errors.contract import Level
from exporters.errors.envelope import KNOWN_ITEMS, OTHER
from exporters.errors.life import Turn
from exporters.errors.quota import Over
from wedsync_core.severity import Severity

PRUNED = ("occurrences", "storm", "counts", "users", "uploads", "answers")
KEEPER_STEPS = ("count", "escalations", "recoveries", "thin_out", "prune")
REFUSALS = ("malformed", "too_large", "invalid", "unknown_key")
OVERSIZES = ("body", "inflated", "event")
ITEM_OUTCOMES = ("taken", "discarded", "unreadable")


class ErrorMetrics:
    """What came in and what became of it. `services` are the names that may stand in the `service` label."""

    def __init__(self, registry: CollectorRegistry, services: Iterable[str]) -> None:
        self.errors = Counter(
            "wedsync_errors_total", "Error reports stored.", ["level", "service", "severity"], registry=registry
        )
        self.refused = Counter(
            "wedsync_error_reports_refused_total", "Error reports refused.", ["reason"], registry=registry
        )
        self.dropped = Counter(
            "wedsync_error_reports_dropped_total",
            "Error reports turned away for now, by what was used up.",
            ["reason"],
            registry=registry,
        )
        self.oversize = Counter(
            "wedsync_error_reports_oversize_total",
            "Bodies of which only a trace was kept, by what they were too large for.",
            ["reason"],
            registry=registry,
        )
        self.envelope_items = Counter(
            "wedsync_error_envelope_items_total",
            "Items of the Sentry SDKs' envelopes, by what became of them.",
            ["item", "outcome"],
            registry=registry,
        )
        self.client_discarded = Counter(
            "wedsync_error_client_discarded_total",
            "What the Sentry SDKs say they threw away.",
            ["reason", "category"],
            registry=registry,
        )
        self.seconds = Histogram(
            "wedsync_error_intake_seconds",
            "Time to take in one request of reports.",
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
            registry=registry,
        )
        self.turns = Counter(
            "wedsync_error_group_turns_total", "Turns in the lives of error groups.", ["turn"], registry=registry
        )
        self.groups_begun = Counter(
            "wedsync_error_groups_begun_total",
            "Groups of errors seen for the first time.",
            ["service", "severity"],
            registry=registry,
        )
        self.uploads_recovered = Counter(
            "wedsync_error_uploads_recovered_total", "Failed uploads that were told to be safe.", registry=registry
        )
        self.pruned = Counter("wedsync_error_rows_pruned_total", "Rows let go.", ["kind"], registry=registry)
        self.keeper_failures = Counter(
            "wedsync_error_keeper_failures_total", "Steps of the keeper that failed.", ["step"], registry=registry
        )
        self._begin_at_zero()
        services = tuple(services)
        # A series that appears with its first error has no increase to be seen: they are all there from the start.
        for service in services:
            for level in get_args(Level):
                for severity in Severity:
                    self.errors.labels(level, service, severity.value)
        for service in (*services, "other"):
            for severity in Severity:
                self.groups_begun.labels(service, severity.value)

    def _begin_at_zero(self) -> None:
        for reason in REFUSALS:
            self.refused.labels(reason)
        for over in Over:
            self.dropped.labels(over.value)
        for size in OVERSIZES:
            self.oversize.labels(size)
        for item in (*KNOWN_ITEMS, OTHER):
            for outcome in ITEM_OUTCOMES:
                self.envelope_items.labels(item, outcome)
        for turn in Turn:
            self.turns.labels(turn.value)
        for kind in PRUNED:
            self.pruned.labels(kind)
        for step in KEEPER_STEPS:
            self.keeper_failures.labels(step)
