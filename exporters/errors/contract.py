"""What may come in: an error report, alone or in a batch. Wrong types are refused by name; long texts are not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from wedsync_core.clock import parse_timestamp
from wedsync_core.problems import FieldProblem, Invalid

MOST_REPORTS = 1000
"""In one request. The instrumented services send twenty at a time."""
MOST_WORKFLOWS = 20
LONGEST_WORKFLOW = 63

Level = Literal["frontend", "api", "database", "third_party"]
ErrorKind = Literal["service_failure", "data_loss", "performance_degradation", "error_spike", "error"]

_EVENT_ID = re.compile(r"[0-9a-f]{32}")


def _event_id(value: Any) -> Any:
    """Take a UUID with hyphens and capitals too: it is the same id."""
    if value is None:
        return None
    plain = value.replace("-", "").lower() if isinstance(value, str) else ""
    if _EVENT_ID.fullmatch(plain) is None:
        raise ValueError("must be 32 hexadecimal digits")
    return plain


def _timestamp(value: Any) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("must be an RFC 3339 text with a time zone")  # noqa: TRY004 - pydantic reads ValueError
    return parse_timestamp(value)


def _affects(value: Any) -> list[str]:
    """Read a list, or one text with commas."""
    names = value.split(",") if isinstance(value, str) else value
    if names is None:
        return []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("must be a list of workflows, or one text with commas")
    # A name this version does not know is kept and weighs nothing: a newer service must not lose its reports.
    return sorted({name.strip()[:LONGEST_WORKFLOW] for name in names} - {""})[:MOST_WORKFLOWS]


def _object(value: Any) -> Any:
    return {} if value is None else value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


Object = Annotated[dict[str, Any], BeforeValidator(_object)]
Word = Annotated[str, AfterValidator(_not_blank)]


class ErrorReport(BaseModel):
    """One error as a service, a browser or a database watcher tells it. Unknown members are kept under `extra`."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    event_id: Annotated[str | None, BeforeValidator(_event_id)] = None
    """The client's name for this event; a repeat with the same one is answered as the first time and counted once."""
    error_type: Word
    message: str = ""
    level: Level
    service: Word
    type: ErrorKind = "error"
    affects: Annotated[list[str], BeforeValidator(_affects)] = []
    region: str | None = None
    route: str | None = None
    release: str | None = None
    environment: str | None = None
    timestamp: Annotated[datetime | None, BeforeValidator(_timestamp)] = None
    """When it happened; the time of arrival when absent, or when it lies in the future."""
    stack_trace: str | None = None
    user_context: Object = {}
    request_data: Object = {}
    trace_id: str | None = None
    tags: Object = {}


@dataclass(frozen=True)
class Refused:
    """A report that cannot be taken; trying the same again cannot help."""

    problem: Invalid


@dataclass(frozen=True)
class Submission:
    """The reports of one request, in their order; `single` when it was one object and wants one answer."""

    reports: Sequence[ErrorReport | Refused]
    single: bool


def read_submission(body: Any) -> Submission:
    """Read a request's JSON: one report, `{"errors": [...]}`, or a bare list.

    Raises Invalid when the whole cannot be read; a bad item of a batch is a Refused in its place.
    """
    if isinstance(body, dict) and "errors" not in body:
        return Submission([read_report(body)], single=True)
    items = body["errors"] if isinstance(body, dict) else body
    if not isinstance(items, list):
        field = "errors" if isinstance(body, dict) else "(body)"
        raise Invalid(f"{field}: must be a report or a list of reports", FieldProblem(field, "must be a list"))
    if not 1 <= len(items) <= MOST_REPORTS:
        problem = FieldProblem("errors", f"must hold 1 to {MOST_REPORTS} reports, not {len(items)}")
        raise Invalid(f"{problem.field}: {problem.message}", problem)
    return Submission([read_report(item, f"errors.{index}.") for index, item in enumerate(items)], single=False)


def read_report(item: Any, path: str = "") -> ErrorReport | Refused:
    """Read one report; `path` goes before the names of its wrong fields."""
    if not isinstance(item, dict):
        where = path.rstrip(".") or "(body)"
        return Refused(Invalid(f"{where}: must be an object", FieldProblem(where, "must be an object")))
    try:
        return ErrorReport.model_validate(item)
    except ValidationError as error:
        fields = [
            FieldProblem(path + ".".join(str(part) for part in found["loc"])[:200], found["msg"])
            for found in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        return Refused(Invalid(f"{fields[0].field}: {fields[0].message}", *fields))
