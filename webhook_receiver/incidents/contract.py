"""What may come in about incidents."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from wedsync_core.severity import ALL_WORKFLOWS, WEDDING_WORKFLOWS, affected_workflows

ShortText = Annotated[str, Field(min_length=1, max_length=200)]
LongText = Annotated[str, Field(max_length=8000)]


class NewIncident(BaseModel):
    """An incident reported by a person or a program. Other keys are kept in the incident's context."""

    model_config = ConfigDict(extra="allow", frozen=True)

    title: ShortText
    description: LongText = ""
    service: ShortText = "unknown"
    type: ShortText = "service_failure"
    affects: list[str] = []
    region: ShortText | None = None
    affected_users: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    severity: Literal["critical", "warning", "info"] | None = None
    """The reporter's own opinion, in Alertmanager's words: ``critical`` is never less than high."""

    @field_validator("affects", mode="before")
    @classmethod
    def _known_workflows(cls, value: Any) -> Any:
        """Take a list or a comma list; every name must be a workflow."""
        if not isinstance(value, str | list) or not all(isinstance(name, str) for name in value):
            raise ValueError("must be a list of workflows, or their names joined by commas")
        names = affected_workflows(value)
        unknown = sorted(names - WEDDING_WORKFLOWS - {ALL_WORKFLOWS})
        if unknown:
            known = ", ".join([*sorted(WEDDING_WORKFLOWS), ALL_WORKFLOWS])
            raise ValueError(f"there is no workflow {unknown[0][:64]!r}; there is: {known}")
        return sorted(names)


class Acknowledgement(BaseModel):
    """Somebody has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: ShortText | None = None
    note: LongText = ""


class Resolution(BaseModel):
    """It is over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: ShortText | None = None
    note: LongText = ""


class Reopening(BaseModel):
    """It is not over after all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: ShortText | None = None
    note: LongText = ""


class Assignment(BaseModel):
    """Whose it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: ShortText | None
    by: ShortText | None = None
    note: LongText = ""


class Note(BaseModel):
    """A line for the log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    note: Annotated[str, Field(min_length=1, max_length=8000)]
    by: ShortText | None = None


class Escalation(BaseModel):
    """Tell the next people now. ``currentLevel`` is the level the caller saw, so that two clicks are one."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    current_level: Annotated[int | None, Field(alias="currentLevel", ge=0)] = None
    by: ShortText | None = None
    note: LongText = ""
