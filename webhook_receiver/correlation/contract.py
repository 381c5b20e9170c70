"""What may come in about which alerts are one incident."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from webhook_receiver.incidents.contract import LongText, ShortText


def _number(value: object) -> object:
    """Take an incident's number as it is shown, as text, and as a number."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19 else value


class Merge(BaseModel):
    """This incident and another are one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    into: Annotated[int, Field(ge=1, lt=2**63), BeforeValidator(_number)]
    by: ShortText | None = None
    note: LongText = ""


class Split(BaseModel):
    """These alerts of an incident are another one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fingerprints: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]], Field(min_length=1, max_length=1000)
    ]
    by: ShortText | None = None
    note: LongText = ""
