"""What a person may ask of a group of errors, and of an upload. Unknown members are refused by name."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from wedsync_core.clock import parse_timestamp
from wedsync_core.redaction import redact_text


def _moment(value: Any) -> Any:
    return parse_timestamp(value) if isinstance(value, str) else value


def _group_id(value: Any) -> Any:
    # Ids are told as texts, and are understood as numbers too.
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18 else value


Text = Annotated[str, Field(max_length=500), AfterValidator(redact_text)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(redact_text)]
GroupId = Annotated[int, BeforeValidator(_group_id), Field(ge=1)]


class Order(BaseModel):
    """What every order may say: who, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    by: Name | None = None
    """Who; by default the role of the token."""
    reason: Text = ""


class Resolving(Order):
    """The group is mended: now, in a release that is named, or in the next one after the newest known."""

    how: Literal["now", "in_release", "next_release"] = "now"
    release: Annotated[str, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _release_with_in_release(self) -> Self:
        if (self.how == "in_release") != bool(self.release):
            raise ValueError("release must be given with how in_release, and only then")
        return self


class Muting(Order):
    """Raise no alarm for the group: until a moment, until so many more errors, or until so many users are hit.

    Whichever comes first ends it; with none of the three it lasts. An error graver than any so far is always heard.
    """

    until: Annotated[datetime | None, BeforeValidator(_moment)] = None
    errors: Annotated[int, Field(ge=1, le=10**12)] | None = None
    users: Annotated[int, Field(ge=1, le=10**9)] | None = None


class Merging(Order):
    """These groups are the same error as the one of the address."""

    groups: Annotated[list[GroupId], Field(min_length=1, max_length=100)]


class Splitting(Order):
    """These groups, merged before, stand for themselves again; all of them when none is named."""

    groups: Annotated[list[GroupId], Field(max_length=100)] = []


class Recovering(Order):
    """The upload is safe: by which way, in `reason`."""
