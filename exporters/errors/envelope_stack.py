"""The exceptions of a Sentry SDK's event, and the stack trace as text that they would have been printed as. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MOST_EXCEPTIONS = 10
"""The error and its nearest causes."""
MOST_FRAMES = 100
"""Of each exception, those nearest to the failure."""
FRAMES_WITH_VARIABLES = 5
LONGEST_VALUE = 8_000
LONGEST_LINE = 400
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"


def exceptions_of(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the exceptions, the oldest cause first and the error last, each with its frames, oldest first."""
    found = event.get("exception")
    values = found.get("values") if isinstance(found, dict) else found
    if isinstance(found, dict) and not isinstance(values, list):
        values = [found]
    values = values if isinstance(values, list) else []
    return [_exception(value) for value in values if isinstance(value, dict)][-MOST_EXCEPTIONS:]


def frames_of(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the frames of an event without exceptions: its own, or those of the thread it happened in."""
    frames = _frames(event.get("stacktrace"))
    if frames:
        return frames
    threads = event.get("threads")
    values = threads.get("values") if isinstance(threads, dict) else threads
    chosen = [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []
    chosen.sort(key=lambda one: (one.get("crashed") is not True, one.get("current") is not True))
    return next((found for one in chosen if (found := _frames(one.get("stacktrace")))), [])


def stack_text(exceptions: list[dict[str, Any]], frames: list[dict[str, Any]], platform: str) -> str:
    """Return the stack trace as the platform prints it: Python oldest first, all others nearest first."""
    if not any(one["frames"] for one in exceptions):
        exceptions = [{"type": "", "value": "", "module": "", "frames": frames}] if frames else []
    if not exceptions:
        return ""
    if platform == "python":
        return _CAUSE.join(_python(one) for one in exceptions)
    error, *causes = reversed(exceptions)
    return "\n".join([_others(error, platform), *(f"Caused by: {_others(cause, platform)}" for cause in causes)])


def _python(exception: Mapping[str, Any]) -> str:
    lines = ["Traceback (most recent call last):"]
    for frame in exception["frames"]:
        lines.append(f'  File "{_place(frame)}", line {frame["lineno"]}, in {frame["function"] or "<module>"}')
        if frame.get("context_line"):
            lines.append(f"    {frame['context_line']}")
    return "\n".join([*lines, _title(exception), ""])


def _others(exception: Mapping[str, Any], platform: str) -> str:
    lines = [_title(exception)]
    for frame in reversed(exception["frames"]):
        function = frame["function"] or "<anonymous>"
        if platform == "java":
            owner = f"{frame['module']}." if frame["module"] else ""
            lines.append(f"    at {owner}{function}({frame['filename'] or 'Unknown'}:{frame['lineno']})")
        else:
            lines.append(f"    at {function} ({_place(frame)}:{frame['lineno']}:{frame['colno']})")
    return "\n".join(lines)


def _place(frame: Mapping[str, Any]) -> str:
    return str(frame["abs_path"] or frame["filename"] or frame["module"] or "<unknown>")


def _title(exception: Mapping[str, Any]) -> str:
    name = ".".join(part for part in (exception["module"], exception["type"]) if part)
    return ": ".join(part for part in (name, exception["value"]) if part)


def _exception(value: Mapping[str, Any]) -> dict[str, Any]:
    mechanism = value.get("mechanism")
    told: dict[str, Any] = {
        "type": _line(value.get("type")),
        "value": _text(value.get("value"), LONGEST_VALUE),
        "module": _line(value.get("module")),
        "frames": _frames(value.get("stacktrace")),
    }
    if isinstance(mechanism, dict):
        marks = ("type", "handled", "synthetic", "source", "exception_id", "parent_id", "is_exception_group")
        told["mechanism"] = {
            name: mechanism[name] for name in marks if isinstance(mechanism.get(name), str | bool | int)
        }
    return told


def _frames(stacktrace: Any) -> list[dict[str, Any]]:
    values = stacktrace.get("frames") if isinstance(stacktrace, dict) else None
    frames = [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
    return list(_bounded(frames[-MOST_FRAMES:]))


def _bounded(frames: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    own = [index for index, frame in enumerate(frames) if frame.get("in_app") is not False]
    with_variables = set(own[-FRAMES_WITH_VARIABLES:])
    for index, frame in enumerate(frames):
        told: dict[str, Any] = {
            name: _line(frame.get(name)) for name in ("filename", "abs_path", "function", "module", "context_line")
        }
        told |= {name: _number(frame.get(name)) for name in ("lineno", "colno")}
        if isinstance(frame.get("in_app"), bool):
            told["in_app"] = frame["in_app"]
        if index in with_variables and isinstance(frame.get("vars"), dict):
            told["vars"] = frame["vars"]
        yield told


def _line(value: Any) -> str:
    return " ".join(_text(value, LONGEST_LINE).split())


def _text(value: Any, longest: int) -> str:
    return str(value)[:longest] if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10_000_000 else 0
