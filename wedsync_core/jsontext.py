"""JSON text from strangers, made safe before anything else looks at it. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from wedsync_core.problems import Malformed

DEEPEST = 32
"""Nesting levels of a JSON body. The parser itself gives up, with a crash, near a thousand."""


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
    # UTF-8 itself holds no lone surrogates and JSON no bare NUL: only escapes bring them in, and few texts have those.
    members = _cleaned_without_repeats if _UNSAFE_ESCAPE.search(text) else _without_repeats
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=members)
    except json.JSONDecodeError as error:
        raise Malformed(f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON that can be taken: {error}") from error
    return value


_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_UNSAFE_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
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
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    return _cleaned_without_repeats(pairs)


def _cleaned_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
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
