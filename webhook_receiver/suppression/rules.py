"""Whether people may sleep through an incident, and until when. Pure; each answer has a named reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webhook_receiver.incidents.incident import Suppressed
from wedsync_core.problems import FieldProblem
from wedsync_core.severity import Severity

LONGEST = timedelta(days=30)
"""Of a window and of a silence: longer is no maintenance but a rule, and belongs in the settings."""

WINDOW, RULE = "window", "rule"


@dataclass(frozen=True)
class Cover:
    """A window that is open, or a rule. ``until`` None: it has no end."""

    kind: str
    name: str
    match: Mapping[str, str]
    up_to: Severity
    reason: str
    until: datetime | None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether every label it names is there and equal."""
        return all(labels.get(name) == value for name, value in self.match.items())


@dataclass(frozen=True)
class Judged:
    """What keeps people asleep, or None; and why, or why not."""

    suppressed: Suppressed | None
    reason: str


def judge(
    alerts: Sequence[Mapping[str, str]], severity: Severity, *, on_wedding_day: bool, covers: Sequence[Cover]
) -> Judged:
    """Return what lets people sleep through an incident of these alerts (their labels).

    Every alert must be covered: a stranger among them wakes people. Of several covers of an alert the last to end
    counts, of several alerts the first that will be uncovered. A rule, which nobody thought of today, never covers a
    critical incident on a wedding day; a window that says so does.
    """
    first: Cover | None = None
    for labels in alerts:
        fitting = [cover for cover in covers if cover.matches(labels)]
        mild = [cover for cover in fitting if severity.rank <= cover.up_to.rank]
        allowed = [
            cover for cover in mild if cover.kind == WINDOW or not (severity is Severity.CRITICAL and on_wedding_day)
        ]
        if not allowed:
            return Judged(None, _why_not(fitting, mild))
        longest = max(allowed, key=_lasts)
        if first is None or _lasts(longest) < _lasts(first):
            first = longest
    if first is None:
        return Judged(None, "no_alert")
    return Judged(Suppressed(first.kind, first.name, first.reason, first.until), "covered")


def wrong_span(starts_at: datetime, ends_at: datetime, now: datetime) -> FieldProblem | None:
    """Return what is wrong with the time of a window, if anything."""
    if ends_at <= starts_at:
        return FieldProblem("ends_at", "must be later than starts_at")
    if ends_at <= now:
        return FieldProblem("ends_at", "is past already")
    if ends_at - starts_at > LONGEST:
        return FieldProblem(
            "ends_at", f"a window lasts {LONGEST.days} days at most; a rule in the settings lasts longer"
        )
    return None


def _why_not(fitting: Sequence[Cover], mild: Sequence[Cover]) -> str:
    if mild:
        return "critical_on_wedding_day"
    return "more_severe" if fitting else "not_covered"


def _lasts(cover: Cover) -> tuple[bool, float]:
    return (cover.until is None, cover.until.timestamp() if cover.until else 0.0)
