"""What may come in about silence: windows of maintenance, and silences of Alertmanager."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from wedsync_core.settings.duration import Duration
from wedsync_core.settings.section import SeverityName

LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,127}$")]
LabelValue = Annotated[str, Field(min_length=1, max_length=1000)]
"""Never empty: an empty value would match every alert that lacks the label."""
Words = Annotated[str, Field(min_length=1, max_length=1000)]


class NewWindow(BaseModel):
    """A time in which matching incidents are recorded and wake nobody."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    starts_at: AwareDatetime | None = None
    """None: now."""
    ends_at: AwareDatetime
    match: Annotated[dict[LabelName, LabelValue], Field(min_length=1, max_length=20)]
    """Labels that must all be equal."""
    up_to: SeverityName = "medium"
    """Anything more severe wakes people all the same."""
    reason: Words
    by: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class NewMatcher(BaseModel):
    """One condition of a silence, in Alertmanager's words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: LabelName
    value: Annotated[str, Field(max_length=1000)]
    is_regex: Annotated[bool, Field(alias="isRegex")] = False
    is_equal: Annotated[bool, Field(alias="isEqual")] = True


class NewSilence(BaseModel):
    """Silence an incident's alerts in Alertmanager, from now on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    duration: Duration
    comment: Words
    matchers: Annotated[list[NewMatcher], Field(min_length=1, max_length=20)] | None = None
    """None: one silence for each alert of the incident, of all its labels."""
    by: Annotated[str, Field(min_length=1, max_length=200)] | None = None
