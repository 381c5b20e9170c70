"""From labels to values, and from values to arguments, paths and queries. Pure; a value is data wherever it lands."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from webhook_receiver.runbooks.contract import Parameter
from wedsync_core.settings.runbooks import PLACE, ParameterSettings

LONGEST_VALUE = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class ParameterRefused(ValueError):
    """A value is not what its parameter may be; ``name`` says which. The value itself is not repeated."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


def values_of(declared: Mapping[str, Parameter], given: Mapping[str, str]) -> dict[str, str]:
    """Return every declared parameter's value; raises ParameterRefused."""
    for name in given:
        if name not in declared:
            raise ParameterRefused(name[:64], "there is no such parameter")
    return {name: _value(name, one, given.get(name, one.default)) for name, one in declared.items()}


def values_of_labels(declared: Mapping[str, Parameter], labels: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters as an alert's labels name them; raises ParameterRefused."""
    given = {name: labels[one.label] for name, one in declared.items() if one.label is not None and one.label in labels}
    return values_of(declared, given)


def check_value(name: str, declared: ParameterSettings, value: str) -> str:
    """Return a value that is what it may be; raises ParameterRefused.

    Whatever a pattern allows: no control characters, not long, no leading dash that a program would take for an
    option, no dots that a server would take for the folder above.
    """
    if not value or len(value) > LONGEST_VALUE:
        raise ParameterRefused(name, f"must have 1 to {LONGEST_VALUE} characters")
    if _CONTROL.search(value):
        raise ParameterRefused(name, "must not contain control characters")
    if value.startswith("-"):
        raise ParameterRefused(name, "must not begin with a dash")
    if "/" in value or "\\" in value or value in {".", ".."}:
        raise ParameterRefused(name, "must not be a path")
    if declared.choices is not None and value not in declared.choices:
        raise ParameterRefused(name, "must be one of the declared choices")
    if declared.pattern is not None and re.fullmatch(declared.pattern, value) is None:
        raise ParameterRefused(name, "does not match its pattern")
    return value


def expand(template: str, values: Mapping[str, str]) -> str:
    """Return the text with its places filled, in one pass: what a value contains is not looked at again."""
    return PLACE.sub(lambda place: values[place[1]], template)


def expand_arguments(argv: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Return the argument vector: exactly as many arguments as there are templates, whatever the values are."""
    return [expand(argument, values) for argument in argv]


def expand_path(path: str, values: Mapping[str, str]) -> str:
    """Return a URL's path; each value is one encoded piece of it."""
    return PLACE.sub(lambda place: quote(values[place[1]], safe=""), path)


def expand_query(query: str, values: Mapping[str, str]) -> str:
    """Return a PromQL query; places stand in double quotes, and a value stays inside them."""
    return PLACE.sub(lambda place: _quoted(values[place[1]]), query)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(name: str, declared: Parameter, value: str | None) -> str:
    if value is None:
        raise ParameterRefused(name, "is missing")
    return check_value(name, declared, value)
