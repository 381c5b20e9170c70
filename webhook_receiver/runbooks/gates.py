"""Whether a run may begin: gates in one order, each with a named verdict and its reason. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from webhook_receiver.runbooks.contract import Runbook
from webhook_receiver.runbooks.run import BAD, GOOD

Verdict = Literal["passed", "refused", "waits"]
ORDER = (
    "kill_switch",
    "freeze",
    "environment",
    "cooldown",
    "rate",
    "circuit_breaker",
    "maximum_targets",
    "approval",
    "dry_run",
)


@dataclass(frozen=True)
class Judged:
    """What one gate said."""

    gate: str
    verdict: Verdict
    reason: str
    """A name: ``on``, ``weddings_live``, ``cooling_down``."""
    detail: str = ""


@dataclass(frozen=True)
class Ended:
    """An earlier run of the same runbook that has an outcome."""

    state: str
    at: datetime


@dataclass(frozen=True)
class Situation:
    """All that the gates look at."""

    now: datetime
    switched_off: str | None
    """Why all runbooks are off; None: they are on."""
    environment: str
    weddings_live: tuple[str, ...]
    """The regions it touches in which weddings are live now."""
    last_on_target: datetime | None
    """When this runbook last began on the same target."""
    runs_of_runbook: int
    """Begun within its own rate's time."""
    runs_of_all: int
    most_of_all: int
    outcomes: Sequence[Ended]
    """The latest first."""
    targets: int
    """Targets in this incident, this one included."""
    approved_by: tuple[str, ...]
    plan: str
    """The digest of what would be done."""
    plan_seen: str | None
    """The digest that who started it, or who approved it, was shown."""


def judge(runbook: Runbook, seen: Situation) -> list[Judged]:
    """Return what every gate says, in order; the ones after a refusal are not asked."""
    judged: list[Judged] = []
    for gate in (_kill_switch, _freeze, _environment, _cooldown, _rate, _breaker, _targets, _approval, _dry_run):
        said = gate(runbook, seen)
        judged.append(said)
        if said.verdict == "refused":
            break
    return judged


def outcome(judged: Sequence[Judged]) -> Judged | None:
    """Return the gate that stands in the way: one that refuses, else one that waits; None: nothing does."""
    return next((one for verdict in ("refused", "waits") for one in judged if one.verdict == verdict), None)


def people_needed(runbook: Runbook, *, weddings_live: bool) -> int:
    """Return how many people must approve it at this time."""
    asked = runbook.gates.approval.people if runbook.gates.approval else 0
    return max(asked, 1) if weddings_live and runbook.changes and runbook.gates.during_weddings == "ask" else asked


def breaker_opens_until(runbook: Runbook, outcomes: Sequence[Ended]) -> datetime | None:
    """Return until when the breaker stays open after these outcomes (the latest first); None: it is closed."""
    breaker = runbook.gates.breaker
    in_a_row = 0
    for one in outcomes:
        if one.state in GOOD:
            break
        in_a_row += one.state in BAD
    if in_a_row < breaker.failures:
        return None
    return next(one.at for one in outcomes if one.state in BAD) + breaker.open_for


def _kill_switch(_runbook: Runbook, seen: Situation) -> Judged:
    if seen.switched_off is None:
        return Judged("kill_switch", "passed", "on")
    return Judged("kill_switch", "refused", "switched_off", seen.switched_off)


def _freeze(runbook: Runbook, seen: Situation) -> Judged:
    where = ", ".join(seen.weddings_live)
    if not runbook.changes:
        return Judged("freeze", "passed", "changes_nothing")
    if not seen.weddings_live:
        return Judged("freeze", "passed", "no_weddings_live")
    if runbook.gates.during_weddings == "refuse":
        return Judged("freeze", "refused", "weddings_live", where)
    reason = "asks_while_weddings_live" if runbook.gates.during_weddings == "ask" else "allowed_while_weddings_live"
    return Judged("freeze", "passed", reason, where)


def _environment(runbook: Runbook, seen: Situation) -> Judged:
    if seen.environment in runbook.environments:
        return Judged("environment", "passed", "named", seen.environment)
    return Judged("environment", "refused", "other_environment", seen.environment)


def _cooldown(runbook: Runbook, seen: Situation) -> Judged:
    last = seen.last_on_target
    if last is not None and seen.now - last < runbook.gates.cooldown:
        left = runbook.gates.cooldown - (seen.now - last)
        return Judged("cooldown", "refused", "cooling_down", f"{_seconds(left)} s left")
    return Judged("cooldown", "passed", "cool")


def _rate(runbook: Runbook, seen: Situation) -> Judged:
    if seen.runs_of_runbook >= runbook.gates.rate.runs:
        return Judged("rate", "refused", "too_many_of_this", f"{seen.runs_of_runbook} lately")
    if seen.runs_of_all >= seen.most_of_all:
        return Judged("rate", "refused", "too_many_of_all", f"{seen.runs_of_all} lately")
    return Judged("rate", "passed", "within_rate")


def _breaker(runbook: Runbook, seen: Situation) -> Judged:
    until = breaker_opens_until(runbook, seen.outcomes)
    if until is not None and seen.now < until:
        return Judged("circuit_breaker", "refused", "open", f"{_seconds(until - seen.now)} s left")
    return Judged("circuit_breaker", "passed", "closed" if until is None else "trial")


def _targets(runbook: Runbook, seen: Situation) -> Judged:
    if seen.targets > runbook.gates.most_targets:
        return Judged("maximum_targets", "refused", "too_many_targets", f"{seen.targets} in this incident")
    return Judged("maximum_targets", "passed", "few_enough")


def _approval(runbook: Runbook, seen: Situation) -> Judged:
    needed = people_needed(runbook, weddings_live=bool(seen.weddings_live))
    if len(seen.approved_by) < needed:
        return Judged("approval", "waits", "people_asked", f"{len(seen.approved_by)} of {needed}")
    return Judged("approval", "passed", "approved" if needed else "not_asked", ", ".join(seen.approved_by))


def _dry_run(runbook: Runbook, seen: Situation) -> Judged:
    waits = len(seen.approved_by) < people_needed(runbook, weddings_live=bool(seen.weddings_live))
    if not runbook.gates.dry_run and not seen.approved_by:
        return Judged("dry_run", "passed", "not_asked")
    if seen.plan_seen == seen.plan:
        return Judged("dry_run", "passed", "shown")
    if waits:
        # Whoever approves names the plan.
        return Judged("dry_run", "waits", "shown_with_approval")
    return Judged("dry_run", "refused", "not_shown" if seen.plan_seen is None else "another_plan_shown")


def _seconds(span: timedelta) -> int:
    return round(span.total_seconds())
