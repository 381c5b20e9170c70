"""From an event of a Sentry SDK to an error report. It is a stranger's: nothing in it is taken for granted. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args
from urllib.parse import urlsplit

from exporters.errors.contract import ErrorKind, Level
from exporters.errors.envelope_stack import exceptions_of, frames_of, stack_text
from wedsync_core.clock import format_timestamp, parse_timestamp

MOST_BREADCRUMBS = 30
"""The latest of them. SDKs send a hundred."""
MESSAGE = "Message"
"""The error type of what is a text and no exception."""
_LEVELS = frozenset({"fatal", "error", "warning", "info", "debug", "log"})
_CONTEXTS = ("trace", "browser", "os", "runtime", "device", "app", "culture", "cloud_resource")
_WITH_DIGITS = re.compile(r"/[^/]*\d[^/]*")
_KINDS = frozenset(get_args(ErrorKind))
_LATEST_MOMENT = 4_102_444_800.0  # the year 2100


@dataclass(frozen=True)
class Origin:
    """What the project's settings say of everything that comes with its key."""

    service: str
    level: Level | None
    region: str | None


def report_members(event: Mapping[str, Any], origin: Origin, event_id: str | None) -> dict[str, Any]:
    """Return the members of an error report, fit for `read_report`; wrong parts of the event are left out."""
    exceptions = exceptions_of(event)
    tags = _tags(event.get("tags"))
    platform = _text(event.get("platform"))
    error_type, message = _what(event, exceptions)
    kind = _text(tags.get("type"))
    return {
        "event_id": event_id,
        "error_type": error_type,
        "message": message,
        "level": origin.level or ("frontend" if platform == "javascript" else "api"),
        "service": _text(tags.get("service")) or origin.service,
        "type": kind if kind in _KINDS else "error",
        "affects": _text(tags.get("affects")) or _text(tags.get("workflow")),
        "region": _text(tags.get("region")) or origin.region,
        "route": _route(event),
        "release": _text(event.get("release")) or None,
        "environment": _text(event.get("environment")) or None,
        "timestamp": _moment(event.get("timestamp")),
        "stack_trace": stack_text(exceptions, frames_of(event), platform) or None,
        "trace_id": _text(_object(_object(event.get("contexts")).get("trace")).get("trace_id")) or None,
        "user_context": _object(event.get("user")),
        "request_data": _object(event.get("request")),
        "tags": tags,
        **_beside(event, exceptions),
    }


def _what(event: Mapping[str, Any], exceptions: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the error type and the message. The last exception is the error; those before it are its causes."""
    written = _written(event)
    if not exceptions:
        return MESSAGE, written
    last = exceptions[-1]
    if not last["type"]:
        # A browser's captureMessage: a text with an exception made up to carry the stack.
        return MESSAGE, written or last["value"]
    return last["type"], last["value"] or written


def _written(event: Mapping[str, Any]) -> str:
    for name in ("logentry", "message"):
        entry = event.get(name)
        if isinstance(entry, str) and entry:
            return entry
        members = _object(entry)
        text = _text(members.get("formatted")) or _text(members.get("message"))
        if text:
            return text
    return ""


def _route(event: Mapping[str, Any]) -> str | None:
    transaction = _text(event.get("transaction"))
    if transaction:
        return transaction
    try:
        path = urlsplit(_text(_object(event.get("request")).get("url"))).path
    except ValueError:
        return None
    # An address is no route: what looks like an id would make one of each.
    return _WITH_DIGITS.sub("/*", path) or None


def _moment(value: Any) -> str | None:
    """Return RFC 3339 text: Python's SDK sends it, the browser's sends seconds since 1970."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _LATEST_MOMENT:
            return format_timestamp(datetime.fromtimestamp(value, UTC))
        if isinstance(value, str):
            zoned = value if re.search(r"(?:[Zz]|[+-]\d\d:?\d\d)\Z", value) else f"{value}Z"
            return format_timestamp(parse_timestamp(zoned))
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _beside(event: Mapping[str, Any], exceptions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a report keeps as extra, the most telling first: its size is bounded."""
    level = _text(event.get("level"))
    fingerprint = event.get("fingerprint")
    beside: dict[str, Any] = {
        "platform": _text(event.get("platform")),
        "sdk": _text(_object(event.get("sdk")).get("name")),
        "event_level": level if level in _LEVELS else "",
        "logger": _text(event.get("logger")),
        "fingerprint": [part for part in fingerprint if isinstance(part, str)] if isinstance(fingerprint, list) else [],
        "contexts": _contexts(event.get("contexts")),
        "exceptions": exceptions,
        "breadcrumbs": list(_breadcrumbs(event.get("breadcrumbs"))),
        "extra": _object(event.get("extra")),
    }
    return {name: value for name, value in beside.items() if value}


def _contexts(value: Any) -> dict[str, Any]:
    contexts = _object(value)
    return {name: contexts[name] for name in _CONTEXTS if isinstance(contexts.get(name), dict)}


def _breadcrumbs(value: Any) -> Iterator[dict[str, Any]]:
    crumbs = _object(value).get("values") if isinstance(value, dict) else value
    for crumb in crumbs[-MOST_BREADCRUMBS:] if isinstance(crumbs, list) else []:
        if isinstance(crumb, dict):
            told = {name: crumb.get(name) for name in ("timestamp", "category", "level", "message", "data")}
            yield {name: part for name, part in told.items() if part}


def _tags(value: Any) -> dict[str, Any]:
    """Return tags by name; they also come as a list of pairs."""
    if isinstance(value, dict):
        return dict(value)
    pairs = value if isinstance(value, list) else []
    return {
        pair[0]: pair[1] for pair in pairs if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)
    }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
