"""What a run would do, with every value in its place: what a dry run shows, and what is then done. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from webhook_receiver.runbooks.contract import (
    Ask,
    Call,
    Check,
    ExpireSilence,
    MakeSilence,
    Notify,
    Program,
    Runbook,
    Step,
    WaitUntil,
)
from webhook_receiver.runbooks.parameters import (
    ParameterRefused,
    check_value,
    expand,
    expand_arguments,
    expand_path,
    expand_query,
)
from wedsync_core.problems import FieldProblem
from wedsync_core.settings.runbooks import ParameterSettings, RunbookSettings

Planned = dict[str, Any]


def plan_of(runbook: Runbook, values: Mapping[str, str], settings: RunbookSettings) -> list[Planned]:
    """Return every step with its values; raises ParameterRefused, and LookupError for what the settings do not name."""
    return [_planned(step, values, settings) for step in runbook.steps]


def digest_of(plan: Sequence[Planned]) -> str:
    """Return what a plan is known by: whoever approves names it."""
    return hashlib.sha256(json.dumps(list(plan), sort_keys=True).encode()).hexdigest()[:32]


def dangling(runbook: Runbook, settings: RunbookSettings, roles: Collection[str]) -> Iterator[FieldProblem]:
    """Give every name in the steps that leads nowhere."""
    for number, step in enumerate(runbook.steps):
        path = f"steps.{number}"
        if isinstance(step, Call):
            endpoint = settings.endpoints.get(step.endpoint)
            declared = None if endpoint is None else endpoint.parameters
            yield from _named(f"{path}.endpoint", "endpoint", step.endpoint, settings.endpoints)
            yield from _given(path, step.values, declared)
        elif isinstance(step, Program):
            program = settings.programs.get(step.program)
            declared = None if program is None else program.parameters
            yield from _named(f"{path}.program", "program", step.program, settings.programs)
            yield from _given(path, step.values, declared)
        elif isinstance(step, Notify):
            for index, role in enumerate(step.roles):
                yield from _named(f"{path}.roles.{index}", "role", role, roles)


def _named(path: str, what: str, name: str, known: Collection[str]) -> Iterator[FieldProblem]:
    if name not in known:
        yield FieldProblem(path, f"there is no {what} {name!r} in wedsync.yml; there is: {', '.join(sorted(known))}")


def _given(
    path: str, given: Mapping[str, str], declared: Mapping[str, ParameterSettings] | None
) -> Iterator[FieldProblem]:
    if declared is not None and given.keys() != declared.keys():
        yield FieldProblem(f"{path}.with", f"must give exactly: {', '.join(sorted(declared)) or 'nothing'}")


def _planned(step: Step, values: Mapping[str, str], settings: RunbookSettings) -> Planned:
    match step:
        case Check() | WaitUntil():
            more = {"compare": step.compare, "value": step.value, "empty": step.empty}
            return {"do": step.do, "query": expand_query(step.query, values), **more}
        case Call():
            return _call(step, values, settings)
        case Program():
            program = settings.programs[step.program]
            own = _own(step.values, values, program.parameters)
            return {"do": step.do, "program": step.program, "argv": expand_arguments(program.argv, own)}
        case MakeSilence():
            matchers = {name: expand(value, values) for name, value in step.matchers.items()}
            seconds = step.duration.total_seconds()
            return {"do": step.do, "matchers": matchers, "seconds": seconds, "comment": expand(step.comment, values)}
        case _:
            return _spoken(step, values)


def _spoken(step: Ask | Notify | ExpireSilence, values: Mapping[str, str]) -> Planned:
    if isinstance(step, Notify):
        return {"do": step.do, "roles": list(step.roles), "message": expand(step.message, values)}
    if isinstance(step, Ask):
        answers = {"answers": list(step.answers), "go_on": step.go_on}
        return {"do": step.do, "question": expand(step.question, values), **answers}
    return {"do": step.do, "step": step.step}


def _call(step: Call, values: Mapping[str, str], settings: RunbookSettings) -> Planned:
    endpoint = settings.endpoints[step.endpoint]
    own = _own(step.values, values, endpoint.parameters)
    body = endpoint.body
    return {
        "do": step.do,
        "endpoint": step.endpoint,
        "method": endpoint.method,
        "url": endpoint.base.rstrip("/") + expand_path(endpoint.path, own),
        "query": {name: expand(value, own) for name, value in endpoint.query.items()},
        "body": None if body is None else {name: expand(value, own) for name, value in body.items()},
    }


def _own(
    given: Mapping[str, str], values: Mapping[str, str], declared: Mapping[str, ParameterSettings]
) -> dict[str, str]:
    """Return the values of an endpoint or a program: checked once more, by what that one takes."""
    for name in declared:
        if name not in given:
            raise ParameterRefused(name, "is missing")
    return {name: check_value(name, declared[name], expand(given[name], values)) for name in given}
