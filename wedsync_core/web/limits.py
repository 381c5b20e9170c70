"""Reading what a client sent: size, shape and numbers are bounded before anything else looks at it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from wedsync_core.problems import FieldProblem, Invalid, Malformed, TooLarge

KIB = 1024
MIB = 1024 * KIB
DEEPEST = 32
"""Nesting levels of a JSON body. The parser itself gives up, with a crash, near a thousand."""

Model = TypeVar("Model", bound=BaseModel)


def read_bytes(request: Request, limit: int) -> bytes:
    """Return the body; raises TooLarge past ``limit`` bytes, whether or not a length was announced."""
    request.max_content_length = limit
    try:
        return request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise TooLarge(f"the body is larger than {limit} bytes, which this route takes at most") from error


def parse_json(body: bytes) -> Any:
    """Return the JSON value in ``body``; raises Malformed, never anything else.

    Refused although Python's parser takes them: NaN and Infinity, numbers past a double's range, a name given twice,
    nesting past ``DEEPEST``. Lone surrogates and NUL, which databases and encoders choke on, become U+FFFD.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8: byte {error.start}") from error
    _refuse_depth(text)
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_without_repeats
        )
    except json.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON that can be taken: {error}") from error
    return value


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


_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = re.compile(r"[^][{}]+")


def _refuse_depth(text: str) -> None:
    # Most bodies cannot nest too deep: the brackets are counted before they are walked.
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth = 0
    for bracket in _NOT_BRACKETS.sub("", _STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise Malformed(f"the body nests deeper than {DEEPEST} levels")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"number out of range: {digits[:32]}")
    return number


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        clean = encodable(name)
        if clean in members:
            raise ValueError(f"the name {clean[:64]!r} is given twice")
        members[clean] = _encodable_value(value)
    return members


def _encodable_value(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [_encodable_value(item) for item in value]
    return value


def encodable(text: str) -> str:
    """Return text that every database and encoder takes: NUL and lone surrogates replaced by U+FFFD."""
    if text.isascii() and "\x00" not in text:
        return text
    cleaned = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return cleaned.replace("\x00", "\ufffd")
