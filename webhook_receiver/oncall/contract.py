"""What may come in about the schedules."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from wedsync_core.clock import parse_timestamp
from wedsync_core.problems import FieldProblem, Invalid

LONGEST_OVERRIDE: Final = timedelta(days=31)
"""Longer is no exception any more: it belongs in the schedule."""
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""A `from` this little in the past is a phone's clock, not a wish to rewrite what has been."""

ShortText = Annotated[str, Field(min_length=1, max_length=200)]
Key = Annotated[str, Field(min_length=1, max_length=64)]


def _moment(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("must be an RFC 3339 timestamp with an offset, in quotes")  # noqa: TRY004 -- pydantic's way
    return parse_timestamp(value)


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


class NewOverride(BaseModel):
    """``who`` is on call in ``schedule`` from ``from`` (now, if absent) to ``to``: for ``replaces``, or in addition."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    who: Key
    schedule: Key
    from_: Annotated[Moment | None, Field(alias="from")] = None
    to: Moment
    replaces: Key | None = None
    reason: Annotated[str, Field(max_length=1000)] = ""
    by: ShortText | None = None


@dataclass(frozen=True)
class StandIn:
    """An override that may be kept."""

    schedule: str
    person: str
    replaces: str | None
    starts_at: datetime
    ends_at: datetime
    reason: str


def checked(asked: NewOverride, people: Mapping[str, Any], schedules: Collection[str], now: datetime) -> StandIn:
    """Return the override asked for; raises Invalid, naming every field that is wrong."""
    starts_at = asked.from_ or now
    problems = [
        *_unknown("who", asked.who, "person", people),
        *_unknown("schedule", asked.schedule, "schedule", schedules),
        *(_unknown("replaces", asked.replaces, "person", people) if asked.replaces is not None else ()),
        *_times(asked, starts_at, now),
    ]
    if asked.who == asked.replaces:
        problems.append(FieldProblem("replaces", "is the same person"))
    if problems:
        raise Invalid("; ".join(f"{one.field}: {one.message}" for one in problems), *problems)
    return StandIn(asked.schedule, asked.who, asked.replaces, starts_at, asked.to, asked.reason)


def _times(asked: NewOverride, starts_at: datetime, now: datetime) -> list[FieldProblem]:
    if asked.from_ is not None and asked.to <= asked.from_:
        return [FieldProblem("to", "is not later than from")]
    if asked.to <= now:
        return [FieldProblem("to", "is in the past")]
    if asked.from_ is not None and asked.from_ < now - CLOCK_TOLERANCE:
        return [FieldProblem("from", "is in the past: an override changes only what is to come")]
    if asked.to - starts_at > LONGEST_OVERRIDE:
        return [
            FieldProblem("to", f"is more than {LONGEST_OVERRIDE.days} days after from: change the schedule instead")
        ]
    return []


def _unknown(field: str, name: str, what: str, known: Collection[str]) -> list[FieldProblem]:
    if name in known:
        return []
    return [FieldProblem(field, f"there is no {what} {name!r}; there is: {', '.join(sorted(known)) or 'none'}")]
