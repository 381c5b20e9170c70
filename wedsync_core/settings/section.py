"""What every part of the file is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""A name that can stand in a label, a URL and a file name."""
SeverityName = Literal["critical", "high", "medium", "low"]
Port = Annotated[int, Field(ge=1, le=65535)]
EVERYONE: Name = "all_hands"
"""The role that stands for every person."""


class Section(BaseModel):
    """A part of the file: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
