"""Reading what a client sent: size, shape and numbers are bounded before anything else looks at it."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from wedsync_core.jsontext import parse_json
from wedsync_core.problems import FieldProblem, Invalid, TooLarge

KIB = 1024
MIB = 1024 * KIB

_PIECE = 256 * KIB

Model = TypeVar("Model", bound=BaseModel)


def read_bytes(request: Request, limit: int) -> bytes:
    """Return the body; raises TooLarge past ``limit`` bytes, whether or not a length was announced."""
    request.max_content_length = limit
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise TooLarge(f"the body is larger than {limit} bytes, which this route takes at most") from error


def read_or_head(request: Request, limit: int, head: int) -> tuple[bytes, int]:
    """Return the body and its size; of one larger than ``limit`` bytes only the first ``head``.

    The rest is read and dropped: a client that is cut off in mid-sentence never sees the answer.
    """
    request.max_content_length = None
    pieces: list[bytes] = []
    size = kept = 0
    while piece := request.stream.read(_PIECE):
        size += len(piece)
        if size <= limit:
            pieces.append(piece)
        elif not kept:
            kept = head
            pieces = [b"".join([*pieces, piece])[:head]]
    return b"".join(pieces), size


def read_json(request: Request, limit: int = MIB) -> Any:
    """Return the JSON value a request carries; raises TooLarge or Malformed."""
    return parse_json(read_bytes(request, limit))


def read_model(request: Request, model: type[Model], limit: int = MIB) -> Model:
    """Return the request's body as ``model``; raises TooLarge, Malformed, or Invalid naming every wrong field."""
    return as_model(model, read_json(request, limit))


def as_model(model: type[Model], value: Any) -> Model:
    """Return ``value`` as ``model``; raises Invalid naming every wrong field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        fields = field_problems(error)
        raise Invalid(_sentence(fields), *fields) from error


def field_problems(error: ValidationError) -> list[FieldProblem]:
    """Return what pydantic found, one entry a field, without echoing the values."""
    return [
        FieldProblem(".".join(str(part) for part in item["loc"]) or "(body)", item["msg"])
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _sentence(fields: list[FieldProblem]) -> str:
    first = f"{fields[0].field}: {fields[0].message}"
    return first if len(fields) == 1 else f"{first} (and {len(fields) - 1} more)"
