"""An operation is a route with a promise: who may call it, what it takes, what it answers. No operation, no route."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask
from pydantic import BaseModel

from wedsync_core.web.auth import Role

View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE = "wedsync_operation"


@dataclass(frozen=True)
class Parameter:
    """A query parameter."""

    name: str
    description: str
    default: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """What is known of a route. Empty ``roles`` means open to anyone who can reach the port."""

    summary: str
    roles: frozenset[Role]
    body: type[BaseModel] | None = None
    example: Any = None
    parameters: tuple[Parameter, ...] = ()


def operation(
    summary: str,
    roles: frozenset[Role] | set[Role],
    *,
    body: type[BaseModel] | None = None,
    example: Any = None,
    parameters: tuple[Parameter, ...] = (),
) -> Callable[[View], View]:
    """Declare the operation of a view function. ``example`` is an answer, shown in the API document."""
    promise = Operation(summary, frozenset(roles), body, example, parameters)

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, promise)
        return view

    return declare


def operation_of(app: Flask, endpoint: str) -> Operation:
    """Return the operation behind an endpoint; raises LookupError when a route was added without one."""
    promise = getattr(app.view_functions[endpoint], _ATTRIBUTE, None)
    if not isinstance(promise, Operation):
        raise LookupError(  # noqa: TRY004 -- what is missing is the declaration
            f"the route {endpoint!r} declares no operation, so nobody may call it"
        )
    return promise


def describe(app: Flask, title: str, version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of every route of ``app``."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    for rule in app.url_map.iter_rules():
        promise = operation_of(app, rule.endpoint)
        path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _described(rule.endpoint, promise, rule.arguments, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"Problem": _PROBLEM_SCHEMA, **dict(sorted(schemas.items()))},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "retryable"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "retryable": {"type": "boolean"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def _described(endpoint: str, promise: Operation, arguments: set[str], schemas: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "Done"}
    if promise.example is not None:
        answer["content"] = {"application/json": {"example": promise.example}}
    described: dict[str, Any] = {
        "operationId": endpoint,
        "summary": promise.summary,
        "security": [{"token": []}] if promise.roles else [],
        "x-roles": sorted(role.value for role in promise.roles),
        "responses": {
            "2XX": answer,
            "default": {
                "description": "A problem document (RFC 9457)",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        },
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in sorted(arguments)
    ] + [_query(parameter) for parameter in promise.parameters]
    if parameters:
        described["parameters"] = parameters
    if promise.body is not None:
        schema = promise.body.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[promise.body.__name__] = schema
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{promise.body.__name__}"}}},
        }
    return described


def _query(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    return {"name": parameter.name, "in": "query", "description": parameter.description, "schema": schema}
