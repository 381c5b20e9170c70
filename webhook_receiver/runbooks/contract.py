"""What a runbook may say to the machine, and what may come in about runs. Nothing here is a command: all is named."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from wedsync_core.settings.duration import Duration
from wedsync_core.settings.runbooks import PLACE, ParameterSettings, RateSettings
from wedsync_core.settings.section import Name

Label = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,127}$")]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Template = Annotated[str, Field(max_length=500)]
With = dict[Name, Template]
Comparison = Literal[">", ">=", "<", "<=", "==", "!="]
LONGEST_STEP = timedelta(hours=1)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Parameter(ParameterSettings):
    """A value of the run. ``label``: taken from this label of the alert when a machine starts it."""

    label: Label | None = None
    default: str | None = None


class _Condition(_Part):
    query: Annotated[str, Field(min_length=1, max_length=2000)]
    compare: Comparison = ">"
    value: float = 0.0
    empty: Literal["passes", "fails"] = "fails"
    """What no series at all means."""

    @model_validator(mode="after")
    def _quoted(self) -> Self:
        if PLACE.search(re.sub(rf'"{PLACE.pattern}"', "", self.query)):
            raise ValueError('in a query a place stands alone in double quotes: region="${region}"')
        return self


class Check(_Condition):
    """Ask Prometheus; every series must compare so."""

    do: Literal["check"]
    otherwise: Literal["fail", "not_needed"] = "fail"
    """``not_needed``: the run ends here, and well."""


class Call(_Part):
    """Call an endpoint of ``wedsync.yml``."""

    do: Literal["call"]
    endpoint: Name
    values: Annotated[With, Field(alias="with")] = {}


class Program(_Part):
    """Run a program of ``wedsync.yml``."""

    do: Literal["program"]
    program: Name
    values: Annotated[With, Field(alias="with")] = {}


class MakeSilence(_Part):
    """Silence alerts in Alertmanager whose labels are all equal to these."""

    do: Literal["silence"]
    matchers: Annotated[dict[Label, Annotated[str, Field(min_length=1, max_length=500)]], Field(min_length=1)]
    duration: Duration
    comment: Text


class ExpireSilence(_Part):
    """End the silence that an earlier step of this run made; steps count from 1."""

    do: Literal["expire_silence"]
    step: Annotated[int, Field(ge=1, le=50)]


class Notify(_Part):
    """Tell roles about the incident."""

    do: Literal["notify"]
    roles: Annotated[list[Name], Field(min_length=1, max_length=10)]
    message: Annotated[str, Field(min_length=1, max_length=200)]


class WaitUntil(_Condition):
    """Wait for an answer of Prometheus, until a deadline."""

    do: Literal["wait_until"]
    within: Duration
    every: Duration = timedelta(seconds=5)


class Ask(_Part):
    """Ask a person. Any other answer than ``go_on`` ends the run."""

    do: Literal["ask"]
    question: Annotated[str, Field(min_length=1, max_length=200)]
    answers: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(min_length=2, max_length=10)]
    go_on: str
    within: Duration = timedelta(minutes=15)

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.go_on not in self.answers:
            raise ValueError("go_on must be one of answers")
        return self


Step = Annotated[
    Check | Call | Program | MakeSilence | ExpireSilence | Notify | WaitUntil | Ask, Field(discriminator="do")
]
CHANGES = (Call, Program, MakeSilence, ExpireSilence)
"""Steps that change something outside: what freezes, cooldowns and dry runs are for."""


class Approval(_Part):
    """So many people other than who asked must say yes in this time."""

    people: Annotated[int, Field(ge=1, le=10)] = 1
    within: Duration = timedelta(minutes=15)


class Breaker(_Part):
    """After so many runs in a row that did not mend, none for a time."""

    failures: Annotated[int, Field(ge=1, le=20)] = 2
    open_for: Duration = timedelta(hours=1)


class Gates(_Part):
    """What must hold before a run begins; the kill switch and the rate of all runbooks come from ``wedsync.yml``."""

    during_weddings: Literal["refuse", "ask", "run"] = "refuse"
    """While weddings are live in a region it touches. ``ask``: somebody must approve it then."""
    cooldown: Duration = timedelta(minutes=10)
    rate: RateSettings = RateSettings(runs=4)
    breaker: Breaker = Breaker()
    most_targets: Annotated[int, Field(ge=1, le=100)] = 1
    """Different parameters in one incident: what strikes everywhere is not mended one by one."""
    approval: Approval | None = None
    dry_run: bool = False
    """Whoever starts it must have seen a dry run of exactly this."""


class Verify(_Part):
    """When it has helped: the alerts cleared and stayed clear. Steps that exit with 0 say nothing."""

    clear_for: Duration = timedelta(minutes=2)
    within: Duration = timedelta(minutes=15)


class Runbook(_Part):
    """The front matter of a page."""

    name: Name
    summary: Annotated[str, Field(min_length=1, max_length=200)]
    match: Annotated[dict[Label, Annotated[list[str], Field(min_length=1)]], Field(min_length=1)]
    """Labels of an alert, and what each may be."""
    start: Literal["automatic", "by_hand"] = "by_hand"
    environments: Annotated[list[Name], Field(min_length=1)]
    parameters: dict[Name, Parameter] = {}
    gates: Gates = Gates()
    steps: Annotated[list[Step], Field(min_length=1, max_length=50)]
    verify: Verify = Verify()

    @field_validator("match", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        """Take a lone text for a list of one."""
        if not isinstance(value, dict):
            return value
        return {name: [allowed] if isinstance(allowed, str) else allowed for name, allowed in value.items()}

    @property
    def changes(self) -> bool:
        """Whether it changes anything outside, or only looks and tells."""
        return any(isinstance(step, CHANGES) for step in self.steps)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.name in {"runs", "switch"}:
            raise ValueError(f"name: {self.name!r} is a route")
        for number, step in enumerate(self.steps, start=1):
            for name in PLACE.findall(step.model_dump_json()):
                if name not in self.parameters:
                    raise ValueError(f"steps.{number - 1}: there is no parameter {name!r}")
            if isinstance(step, ExpireSilence) and not (
                step.step < number and isinstance(self.steps[step.step - 1], MakeSilence)
            ):
                raise ValueError(f"steps.{number - 1}.step: step {step.step} makes no silence before it")
        if self.start == "automatic":
            lacking = [name for name, one in self.parameters.items() if one.label is None and one.default is None]
            if lacking:
                raise ValueError(f"parameters.{lacking[0]}: a machine must find it: give it a label or a default")
            if self.gates.dry_run and self.gates.approval is None:
                raise ValueError("gates.dry_run: nobody is shown a dry run of what starts by itself: ask for approval")
        return self


class NewRun(BaseModel):
    """Start a runbook."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    dry_run: Annotated[bool, Field(alias="dryRun")] = False
    parameters: Annotated[dict[str, Annotated[str, Field(max_length=1000)]], Field(max_length=50)] = {}
    incident_id: Annotated[str | None, Field(alias="incidentId", pattern=r"^[0-9]{1,18}$")] = None
    plan: Annotated[str | None, Field(max_length=64)] = None
    """The digest of the dry run that was seen."""
    by: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class Approving(BaseModel):
    """Yes, to exactly the plan that was shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Annotated[str, Field(min_length=1, max_length=64)]
    plan: Annotated[str, Field(max_length=64)]
    note: Annotated[str, Field(max_length=2000)] = ""


class Rejecting(BaseModel):
    """No."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Annotated[str, Field(min_length=1, max_length=64)]
    note: Annotated[str, Field(max_length=2000)] = ""


class Answering(BaseModel):
    """The answer to a question."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Annotated[str, Field(min_length=1, max_length=64)]
    answer: Annotated[str, Field(min_length=1, max_length=100)]


class Switching(BaseModel):
    """All runbooks off, or on again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    by: Annotated[str, Field(min_length=1, max_length=64)] | None = None
