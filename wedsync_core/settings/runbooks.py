"""What runbooks may touch: a closed list of programs and addresses, and the limits that hold for all of them."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from wedsync_core.settings.duration import Duration
from wedsync_core.settings.section import Name, Section

PLACE = re.compile(r"\$\{([a-z][a-z0-9_]{0,62})\}")
"""Where a value is put in: ``${region}``."""


class ParameterSettings(Section):
    """What a value may be: one of ``choices``, or a text that ``pattern`` matches whole."""

    choices: Annotated[list[str], Field(min_length=1, max_length=200)] | None = None
    pattern: Annotated[str, Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.choices is None) == (self.pattern is None):
            raise ValueError("say what it may be by choices or by pattern, one of the two")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"pattern is no regular expression: {error}") from error
        return self


class EndpointSettings(Section):
    """One call that runbooks may make: a method and a path with places, nothing else of that host."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    base: str
    """Scheme, host and port."""
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9/_.${}\-]*$", max_length=500)]
    query: dict[str, str] = {}
    body: dict[str, str] | None = None
    """Sent as a JSON object of texts."""
    parameters: dict[Name, ParameterSettings] = {}
    token_file: Path | None = None
    timeout: Duration = timedelta(seconds=10)
    expect: Annotated[list[Annotated[int, Field(ge=100, le=599)]], Field(min_length=1)] = [200, 201, 202, 204]

    @model_validator(mode="after")
    def _closed(self) -> Self:
        place = urlsplit(self.base)
        if place.scheme not in {"http", "https"} or not place.hostname or place.path.strip("/") or place.query:
            raise ValueError("base must be a scheme, a host and a port: http://photos:8080")
        if ".." in self.path:
            raise ValueError("path must not contain ..")
        named = [self.path, *self.query.values(), *(self.body or {}).values()]
        _check_places(named, self.parameters)
        return self


class ProgramSettings(Section):
    """One program that runbooks may run: an argument vector with places, never a shell."""

    argv: Annotated[list[str], Field(min_length=1, max_length=64)]
    parameters: dict[Name, ParameterSettings] = {}
    timeout: Duration = timedelta(seconds=30)
    output: Annotated[int, Field(ge=0, le=1_000_000)] = 16_000
    """Bytes of what it says that are kept."""

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if not self.argv[0].startswith("/") or PLACE.search(self.argv[0]):
            raise ValueError("argv.0 must be the whole path of the program, without places")
        if Path(self.argv[0]).name in {"sh", "bash", "dash", "zsh", "env", "eval"}:
            raise ValueError("argv.0 must not be a shell: a script of its own says what it takes")
        _check_places(self.argv[1:], self.parameters)
        return self


class RateSettings(Section):
    """At most so many runs in such a time."""

    runs: Annotated[int, Field(ge=1, le=1000)] = 10
    per: Duration = timedelta(hours=1)


class RunbookSettings(Section):
    """What runbooks may do here."""

    enabled: bool = True
    """The kill switch of the file; there is one by API too, which needs no restart."""
    folder: Path | None = None
    """Where the pages are; None: ``docs/runbooks`` beside the code."""
    environment: Name = "production"
    rate: RateSettings = RateSettings()
    """Of all runbooks together."""
    endpoints: dict[Name, EndpointSettings] = {}
    programs: dict[Name, ProgramSettings] = {}


def _check_places(templates: list[str], parameters: dict[Name, ParameterSettings]) -> None:
    used = {name for template in templates for name in PLACE.findall(template)}
    if used != set(parameters):
        odd = min(used ^ set(parameters))
        raise ValueError(f"the place ${{{odd}}} must stand both in the template and under parameters")
    if any("$" in PLACE.sub("", template) for template in templates):
        raise ValueError("a place is written ${name}")
