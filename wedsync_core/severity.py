"""How bad is it, and why: ordered rules, the first match decides, each decision carries its reason.

The rules are the specification's (WS-259, "classifySeverity"), made exact: the weekend is the venue's, a real
wedding counts like a weekend, and nothing is ranked lower because it *is* a weekend.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from wedsync_core.season import RegionFacts

WEDDING_WORKFLOWS = frozenset({"photo_upload", "messaging", "payment", "booking", "timeline"})
ALL_WORKFLOWS = "wedding_workflows"


class Severity(StrEnum):
    """Of an incident or an error; ``critical`` wakes people at once."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for low to 3 for critical."""
        return _ASCENDING.index(self)

    def raised(self) -> Severity:
        """Return the next level up; critical stays critical."""
        return _ASCENDING[min(self.rank + 1, len(_ASCENDING) - 1)]


_ASCENDING = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)


class WeddingImpact(StrEnum):
    """What it means for weddings, apart from how loud the alarm is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"

    @property
    def rank(self) -> int:
        """0 for none to 3 for high."""
        return (WeddingImpact.NONE, WeddingImpact.LOW, WeddingImpact.MEDIUM, WeddingImpact.HIGH).index(self)


@dataclass(frozen=True)
class SeveritySettings:
    """The figures an operator may move."""

    weddings_needed: int = 1
    """Weddings in progress in a region from which rule 1 holds."""
    many_users: int = 100
    """Affected users from which the severity rises one level."""
    near_wedding_hours: float = 24.0
    """An affected wedding nearer than this raises the severity one level."""


@dataclass(frozen=True)
class Signal:
    """What is known of a failure, whoever reported it. Empty ``regions`` means that it may be anywhere."""

    service: str
    type: str
    affects: frozenset[str] = frozenset()
    regions: frozenset[str] = frozenset()
    rule_severity: str | None = None
    affected_users: int = 0
    hours_to_affected_wedding: float | None = None

    @property
    def workflows(self) -> frozenset[str]:
        """The wedding workflows it touches."""
        return WEDDING_WORKFLOWS if ALL_WORKFLOWS in self.affects else self.affects & WEDDING_WORKFLOWS


@dataclass(frozen=True)
class Decision:
    """A severity with the rule that gave it, the reasons in words, and the inputs, to be stored and shown."""

    severity: Severity
    wedding_impact: WeddingImpact
    rule: str
    reasons: tuple[str, ...]
    on_wedding_day: bool
    inputs: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "severity": self.severity.value,
            "wedding_impact": self.wedding_impact.value,
            "rule": self.rule,
            "reasons": list(self.reasons),
            "on_wedding_day": self.on_wedding_day,
            "inputs": dict(self.inputs),
        }


def affected_workflows(affects: str | Iterable[str]) -> frozenset[str]:
    """Read ``affects``, a comma list or a list, into a set of names."""
    names = affects.split(",") if isinstance(affects, str) else affects
    return frozenset(name.strip() for name in names if name.strip())


def classify(signal: Signal, calendar: Mapping[str, RegionFacts], settings: SeveritySettings | None = None) -> Decision:
    """Judge ``signal`` by the calendar of the regions it affects.

    A region the calendar does not know, and no region at all, both mean every region: not knowing where is no
    reason to sleep.
    """
    limits = settings or SeveritySettings()
    affected = _affected_regions(signal, calendar)
    live = [facts for facts in affected if facts.is_weekend or _wedding_live(facts, limits)]
    rule, severity, reason = _first_match(signal, live, affected)
    reasons = [reason]
    if signal.rule_severity == "critical" and severity.rank < Severity.HIGH.rank:
        severity = Severity.HIGH
        reasons.append("the alert rule itself says critical, which is never less than high")
    raise_reason = _raise_reason(signal, limits)
    if raise_reason and severity is not Severity.CRITICAL:
        severity = severity.raised()
        reasons.append(raise_reason)
    return Decision(
        severity=severity,
        wedding_impact=_wedding_impact(signal, live, affected),
        rule=rule,
        reasons=tuple(reasons),
        on_wedding_day=bool(live),
        inputs=_inputs(signal, affected, limits),
    )


def _affected_regions(signal: Signal, calendar: Mapping[str, RegionFacts]) -> list[RegionFacts]:
    if signal.regions and signal.regions <= calendar.keys():
        return [calendar[name] for name in sorted(signal.regions)]
    return [calendar[name] for name in sorted(calendar)]


def _wedding_live(facts: RegionFacts, limits: SeveritySettings) -> bool:
    return facts.is_wedding_day or facts.weddings_in_progress >= limits.weddings_needed


def _first_match(signal: Signal, live: list[RegionFacts], affected: list[RegionFacts]) -> tuple[str, Severity, str]:
    workflows = ", ".join(sorted(signal.workflows))
    if signal.workflows and live:
        where = "; ".join(f"{facts.region}: {facts.reason}" for facts in live)
        return "wedding_workflow_on_wedding_day", Severity.CRITICAL, f"{workflows} affected while {where}"
    degraded = signal.type == "performance_degradation"
    peak = [facts.region for facts in affected if facts.is_peak_season]
    if degraded and peak:
        return "degradation_in_peak_season", Severity.HIGH, f"performance degraded in peak season ({', '.join(peak)})"
    if signal.service == "payment" and signal.type == "service_failure":
        return "payment_failure", Severity.HIGH, "payments are failing"
    if signal.type == "data_loss" and "photo_upload" in signal.workflows:
        return "uploads_lost", Severity.HIGH, "uploaded photos are being lost, and nobody can take them again"
    if degraded:
        return "degradation", Severity.MEDIUM, "performance degraded outside peak season"
    return "nothing_above", Severity.LOW, "no rule for anything worse applies"


def _raise_reason(signal: Signal, limits: SeveritySettings) -> str | None:
    if signal.affected_users >= limits.many_users:
        return f"raised one level: {signal.affected_users} users affected, {limits.many_users} are many"
    hours = signal.hours_to_affected_wedding
    if hours is not None and hours <= limits.near_wedding_hours:
        return f"raised one level: an affected wedding begins in {max(hours, 0.0):.1f} h"
    return None


def _wedding_impact(signal: Signal, live: list[RegionFacts], affected: list[RegionFacts]) -> WeddingImpact:
    if not signal.workflows:
        return WeddingImpact.NONE
    if live:
        return WeddingImpact.HIGH
    if signal.type == "data_loss" or any(facts.is_peak_season for facts in affected):
        return WeddingImpact.MEDIUM
    return WeddingImpact.LOW


def _inputs(signal: Signal, affected: list[RegionFacts], limits: SeveritySettings) -> dict[str, Any]:
    return {
        "service": signal.service,
        "type": signal.type,
        "affects": sorted(signal.affects),
        "regions": sorted(signal.regions),
        "rule_severity": signal.rule_severity,
        "affected_users": signal.affected_users,
        "hours_to_affected_wedding": signal.hours_to_affected_wedding,
        "weddings_needed": limits.weddings_needed,
        "calendar": {
            facts.region: {
                "risk": facts.risk.value,
                "is_weekend": facts.is_weekend,
                "is_peak_season": facts.is_peak_season,
                "weddings_in_progress": facts.weddings_in_progress,
            }
            for facts in affected
        },
    }
