"""From text and environment to Settings, or to a list of sentences that say what to change."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from wedsync_core.problems import FieldProblem
from wedsync_core.settings.model import Settings
from wedsync_core.settings.references import dangling

ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "WEDSYNC_DATA_DIR": "data_dir",
        "WEDSYNC_EXPORTERS_PORT": "exporters.port",
        "WEDSYNC_RECEIVER_PORT": "receiver.port",
        "WEDSYNC_TELEMETRY_DATABASE_URL": "databases.telemetry",
        "WEDSYNC_INCIDENTS_DATABASE_URL": "databases.incidents",
    }
)
"""The short names. Any other value is ``WEDSYNC__<SECTION>__<KEY>``, its text read as YAML."""

_LONG_PREFIX = "WEDSYNC__"


class ConfigurationInvalid(ValueError):
    """The settings cannot be used; ``problems`` has one entry for each thing to change."""

    def __init__(self, source: str, problems: list[FieldProblem]) -> None:
        super().__init__("\n".join(f"{source}: {problem.field}: {problem.message}" for problem in problems))
        self.problems = problems


def load_settings(path: Path, environment: Mapping[str, str]) -> Settings:
    """Read ``path`` and the environment; raises ConfigurationInvalid."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationInvalid(str(path), [FieldProblem("(file)", f"cannot be read: {reason}")]) from error
    return settings_from_text(text, environment, source=path.name)


def settings_from_text(text: str, environment: Mapping[str, str], source: str = "wedsync.yml") -> Settings:
    """Return the settings in ``text`` under the environment's overrides; raises ConfigurationInvalid."""
    try:
        document = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 -- a SafeLoader that also refuses repeated keys
    except yaml.YAMLError as error:
        raise ConfigurationInvalid(source, [_yaml_problem(error)]) from error
    if not isinstance(document, dict):
        raise ConfigurationInvalid(source, [FieldProblem("(file)", "must be a mapping of sections")])
    for variable, path, value in _overrides(environment):
        _place(document, path, value, variable)
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        raise ConfigurationInvalid(source, _refusals(error)) from error
    problems = dangling(settings)
    if problems:
        raise ConfigurationInvalid(source, problems)
    return settings


class _StrictLoader(yaml.SafeLoader):
    """A safe loader for which a key given twice is an error, since the first would silently lose."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """Return the mapping; raises yaml.YAMLError for a repeated key."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _yaml_problem(error: yaml.YAMLError) -> FieldProblem:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}" if mark is not None else "(file)"
    return FieldProblem(where, getattr(error, "problem", None) or "is not YAML")


def _overrides(environment: Mapping[str, str]) -> list[tuple[str, list[str], Any]]:
    found: list[tuple[str, list[str], Any]] = [
        (variable, path.split("."), environment[variable])
        for variable, path in ENVIRONMENT.items()
        if environment.get(variable)
    ]
    for variable in sorted(environment):
        if variable.startswith(_LONG_PREFIX):
            path = variable.removeprefix(_LONG_PREFIX).lower().split("__")
            try:
                value = yaml.safe_load(environment[variable])
            except yaml.YAMLError as error:
                raise ConfigurationInvalid(variable, [FieldProblem(".".join(path), "is not YAML")]) from error
            found.append((variable, path, value))
    return found


def _place(document: MutableMapping[str, Any], path: list[str], value: Any, variable: str) -> None:
    here: Any = document
    for depth, key in enumerate(path[:-1]):
        if here.get(key) is None:
            here[key] = {}
        here = here[key]
        if not isinstance(here, dict):
            field = ".".join(path[: depth + 1])
            raise ConfigurationInvalid(variable, [FieldProblem(field, "is not a section, so nothing can be set in it")])
    here[path[-1]] = value


def _refusals(error: ValidationError) -> list[FieldProblem]:
    problems = []
    for item in error.errors(include_url=False, include_input=False):
        location = _without_kind([str(part) for part in item["loc"]])
        message = item["msg"].removeprefix("Value error, ")
        match item["type"]:
            case "extra_forbidden":
                message = "unknown key" + _suggestion(location)
            case "missing":
                message = "is missing"
            case "union_tag_not_found":
                location, message = [*location, "kind"], "is missing"
            case "union_tag_invalid":
                tags = item["ctx"]
                location, message = [*location, "kind"], f"{tags['tag']!r} is not one of {tags['expected_tags']}"
        problems.append(FieldProblem(".".join(location) or "(file)", message))
    return problems


def _without_kind(location: list[str]) -> list[str]:
    """Return a location as it stands in the file: pydantic puts a channel's kind, or a role's form, after its name."""
    return [*location[:2], *location[3:]] if location[0] in {"channels", "roles"} and len(location) > 2 else location


def _suggestion(location: list[str]) -> str:
    """Return "; did you mean ...?" from the keys that the section at ``location`` has."""
    here: Any = Settings
    for part in location[:-1]:
        if isinstance(here, type) and issubclass(here, BaseModel) and part in here.model_fields:
            here = _section_in(here.model_fields[part].annotation)
        if here is None:
            return ""
    known = list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []
    near = difflib.get_close_matches(location[-1], known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _section_in(annotation: Any) -> Any:
    """Return the section class inside an annotation: of a section itself, of a list's items, of a mapping's values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    sections = [_section_in(argument) for argument in getattr(annotation, "__args__", ())]
    return next((section for section in sections if section is not None), None)
