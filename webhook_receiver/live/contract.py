"""What a listener may say: which channels to open and to close, and from where to go on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wedsync_core.jsontext import parse_json
from wedsync_core.problems import FieldProblem, Invalid

MOST_CHANNELS = 100
_CHANNEL = re.compile(
    r"alerts:[a-z0-9][a-z0-9_.-]{0,199}|metrics:[a-z][a-z0-9_]{0,62}|incidents:(?:all|[1-9][0-9]{0,17})"
)
_KINDS = ("subscribe", "unsubscribe")
_KEYS = frozenset({"type", "channels", "after"})


@dataclass(frozen=True)
class Wish:
    """One message of a listener. ``after``: the last ``seq`` it has seen; what it missed since then is told first."""

    subscribe: bool
    channels: frozenset[str]
    after: int | None = None


def read_wish(text: str) -> Wish:
    """Return what a listener asks for; raises Malformed for what is no JSON, Invalid naming the wrong field."""
    value = parse_json(text.encode())
    if not isinstance(value, Mapping):
        raise _wrong("(body)", "must be an object")
    unknown = sorted(set(value) - _KEYS)
    if unknown:
        raise _wrong(str(unknown[0])[:100], "is not known here")
    kind = value.get("type")
    if kind not in _KINDS:
        raise _wrong("type", "must be subscribe or unsubscribe")
    return Wish(kind == "subscribe", _channels(value.get("channels")), _after(value.get("after"), kind))


def _channels(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_CHANNELS:
        raise _wrong("channels", f"must be a list of 1 to {MOST_CHANNELS} channels")
    for position, name in enumerate(value):
        if not isinstance(name, str) or _CHANNEL.fullmatch(name) is None:
            raise _wrong(
                f"channels.{position}",
                "must be alerts:<severity or service>, metrics:<type or all> or incidents:<number or all>",
            )
    return frozenset(value)


def _after(value: Any, kind: str) -> int | None:
    if value is None:
        return None
    if kind != "subscribe":
        raise _wrong("after", "goes with subscribe only")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise _wrong("after", "must be a seq that was received")
    return value


def _wrong(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", FieldProblem(field, message))
