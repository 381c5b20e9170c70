"""Which policy an incident follows, and which step comes next when. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from wedsync_core.settings import EscalationSettings, EscalationStep, PolicySettings
from wedsync_core.severity import Decision

LAST_CALL_AFTER = timedelta(minutes=15)
"""A policy that does not repeat tells the emergency role this long after its last step, once."""


@dataclass(frozen=True)
class Step:
    """People told at one moment. ``level`` counts from 1."""

    level: int
    after: timedelta
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """The policy of one incident, as it was when the incident opened."""

    name: str
    steps: tuple[Step, ...]
    repeat_every: timedelta | None
    acknowledgements_needed: int
    acknowledgement_expires: timedelta | None

    def as_json(self) -> dict[str, Any]:
        """Return the stored snapshot; spans in seconds."""
        return {
            "name": self.name,
            "steps": [{"after": step.after.total_seconds(), "roles": list(step.roles)} for step in self.steps],
            "repeat_every": self.repeat_every.total_seconds() if self.repeat_every else None,
            "acknowledgements_needed": self.acknowledgements_needed,
            "acknowledgement_expires": (
                self.acknowledgement_expires.total_seconds() if self.acknowledgement_expires else None
            ),
        }


@dataclass(frozen=True)
class Due:
    """The step to take, the level it leads to, and when the one after it is due (None: none is left).

    ``level`` goes on counting past the last step: whoever asks for the next step names the level they saw, and no two
    steps may share one. ``roles`` are the step's, or the emergency role.
    """

    roles: tuple[str, ...]
    level: int
    next_at: datetime | None
    reason: str
    repeated: bool
    """The last step, taken once more."""


@dataclass(frozen=True)
class Passed:
    """A step that would have told nobody, and was not waited for."""

    level: int
    roles: tuple[str, ...]


def policy_from_settings(name: str, settings: PolicySettings) -> Policy:
    """Return the policy written in the settings file."""
    return Policy(
        name=name,
        steps=_numbered(settings.steps),
        repeat_every=settings.repeat_every,
        acknowledgements_needed=settings.acknowledgements_needed,
        acknowledgement_expires=settings.acknowledgement_expires,
    )


def policy_from_snapshot(snapshot: Mapping[str, Any]) -> Policy:
    """Return the policy stored with an incident."""
    return Policy(
        name=snapshot["name"],
        steps=tuple(
            Step(level=number, after=timedelta(seconds=step["after"]), roles=tuple(step["roles"]))
            for number, step in enumerate(snapshot["steps"], start=1)
        ),
        repeat_every=_span(snapshot["repeat_every"]),
        acknowledgements_needed=snapshot.get("acknowledgements_needed", 1),
        acknowledgement_expires=_span(snapshot["acknowledgement_expires"]),
    )


def choose_policy(decision: Decision, settings: EscalationSettings) -> Policy:
    """Return the policy of the first route that fits; the settings guarantee that the last fits everything."""
    name = settings.policy_for(decision.severity.value, on_wedding_day=decision.on_wedding_day)
    return policy_from_settings(name, settings.policies[name])


def next_step(policy: Policy, level: int, now: datetime, emergency_role: str) -> Due:
    """Return the step that follows ``level`` (0: none taken yet), taken at ``now``.

    The next delay counts from ``now``, the moment the step is truly taken: after an outage one overdue step fires at
    once and the others keep their distance, instead of all firing in a burst.
    """
    if level < len(policy.steps):
        step = policy.steps[level]
        return Due(step.roles, step.level, _after(policy, step, now), "next_step", repeated=False)
    if policy.repeat_every is None:
        return Due((emergency_role,), level + 1, None, "policy_exhausted", repeated=False)
    return Due(policy.steps[-1].roles, level + 1, now + policy.repeat_every, "policy_exhausted", repeated=True)


def telling_step(
    policy: Policy, level: int, now: datetime, emergency_role: str, tells: Callable[[tuple[str, ...]], bool]
) -> tuple[Due, tuple[Passed, ...]]:
    """Return the next step that tells somebody, and those passed over because they would tell nobody.

    Nobody waits out the delay of a step that was told to no one. When every step that is left is empty, the emergency
    role is told: never nobody.
    """
    passed: list[Passed] = []
    while True:
        due = next_step(policy, level, now, emergency_role)
        if tells(due.roles):
            return due, tuple(passed)
        passed.append(Passed(due.level, due.roles))
        if due.level >= len(policy.steps):
            return replace(due, roles=(emergency_role,), reason="nobody_left"), tuple(passed)
        level = due.level


def _after(policy: Policy, step: Step, now: datetime) -> datetime:
    if step.level < len(policy.steps):
        return now + (policy.steps[step.level].after - step.after)
    # Past the last step there is always one more due moment: to repeat, or to tell the emergency role once.
    return now + (policy.repeat_every or LAST_CALL_AFTER)


def _numbered(steps: Sequence[EscalationStep]) -> tuple[Step, ...]:
    return tuple(Step(number, step.after, tuple(step.roles)) for number, step in enumerate(steps, start=1))


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
