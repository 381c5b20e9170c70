"""Whether a dashboard is one that Grafana's own models can hold, key by key.

The SDK's models are generated from Grafana's schema, but they read leniently: an unknown key is dropped, an unknown
word kept. So the JSON is read into them and written again, and whatever was lost, added or changed is a fault; then
every value is held against the type its model declares. What the models leave open (overrides, transformations) is
closed here.
"""

import enum
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final

from grafana.sdk import JSONEncoder, models, register_default_plugins, units

register_default_plugins()

UNITS: Final = frozenset(
    value for name, value in vars(units).items() if not name.startswith("_") and type(value) is str
)
PANEL_TYPES: Final = frozenset({"stat", "state-timeline", "table", "timeseries"})
_TRANSFORMATIONS: Final[Mapping[str, frozenset[str]]] = {
    "merge": frozenset(),
    "organize": frozenset({"excludeByName", "indexByName", "renameByName"}),
}
_VARIABLE_QUERY: Final = frozenset({"query", "refId"})
_MATCHERS: Final = frozenset({"byName", "byRegexp"})


def faults_of(dashboard: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a dashboard's JSON model, each with its path; nothing if all is well."""
    return [*_faults_as(models.Dashboard, dashboard, "dashboard", complete=True), *_open_parts(dashboard)]


def _faults_as(model: Any, data: Any, path: str, *, complete: bool) -> Iterator[str]:
    """Read `data` as `model` and compare. Without `complete`, keys that the model adds by itself are no fault."""
    try:
        held = model.from_json(data)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        yield f"{path}: cannot be read: {error!r}"
        return
    yield from _differences(data, json.loads(json.dumps(held, cls=JSONEncoder)), path, complete=complete)
    yield from _mistyped(held, model, path)


def _differences(was: Any, again: Any, path: str, *, complete: bool) -> Iterator[str]:
    if isinstance(was, Mapping) and isinstance(again, Mapping):
        yield from (f"{path}.{key}: unknown" for key in was.keys() - again.keys())
        if complete:
            yield from (f"{path}.{key}: missing" for key in again.keys() - was.keys())
        for key in was.keys() & again.keys():
            yield from _differences(was[key], again[key], f"{path}.{key}", complete=complete)
    elif isinstance(was, list) and isinstance(again, list) and len(was) == len(again):
        for index, (one, other) in enumerate(zip(was, again, strict=True)):
            yield from _differences(one, other, f"{path}[{index}]", complete=complete)
    elif was != again or type(was) is not type(again):
        yield f"{path}: {was!r} became {again!r}"


def _mistyped(value: Any, declared: Any, path: str) -> Iterator[str]:
    """Hold a value against its declared type, and what is inside it against theirs."""
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin in {typing.Union, types.UnionType}:
        tries = [
            list(_mistyped(value, choice, path)) for choice in arguments if choice is not type(None) or value is None
        ]
        if value is not None and all(tries):
            yield from min(tries, key=len)
    elif origin in {list, dict}:
        if not isinstance(value, origin):
            yield f"{path}: {value!r} is no {origin.__name__}"
            return
        items = value.items() if origin is dict else enumerate(value)
        for key, item in items:
            yield from _mistyped(item, arguments[-1], f"{path}.{key}")
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{path}: {value!r} is not one of {arguments}"
    else:
        yield from _mistyped_plain(value, declared, path)


def _mistyped_plain(value: Any, declared: Any, path: str) -> Iterator[str]:
    if hasattr(value, "to_json"):
        # The class that was read, not the one declared: options and queries are declared as anything.
        for name, hint in typing.get_type_hints(type(value)).items():
            yield from _mistyped(getattr(value, name), hint, f"{path}.{name}")
    elif hasattr(declared, "from_json"):
        # The SDK leaves some lists of models unread.
        if isinstance(value, Mapping):
            yield from _faults_as(declared, value, path, complete=True)
        else:
            yield f"{path}: {value!r} is no {declared.__name__}"
    elif isinstance(declared, type) and issubclass(declared, enum.Enum):
        if value not in [member.value for member in declared]:
            yield f"{path}: {value!r} is no {declared.__name__}"
    elif declared in {str, int, float, bool}:
        fits = isinstance(value, (int, float) if declared is float else declared)
        if not fits or (isinstance(value, bool) and declared is not bool):
            yield f"{path}: {value!r} is no {declared.__name__}"


def _open_parts(dashboard: Mapping[str, Any]) -> Iterator[str]:
    for variable in dashboard.get("templating", {}).get("list", []):
        if variable.get("type") == "query" and set(variable.get("query", {})) != _VARIABLE_QUERY:
            yield f"dashboard.templating({variable.get('name')}).query: {variable.get('query')}"
    for index, panel in enumerate(dashboard.get("panels", [])):
        if panel.get("type") != "row":
            yield from _open_parts_of_panel(panel, f"dashboard.panels[{index}]")


def _open_parts_of_panel(panel: Mapping[str, Any], path: str) -> Iterator[str]:
    if panel.get("type") not in PANEL_TYPES:
        yield f"{path}.type: {panel.get('type')!r} is no panel that we draw"
    for step in panel.get("transformations", []):
        allowed = _TRANSFORMATIONS.get(step.get("id"))
        if allowed is None or set(step.get("options", {})) != allowed:
            yield f"{path}.transformations: {step}"
    for target in panel.get("targets", []):
        if target.get("datasource", {}).get("type") != "prometheus":
            yield f"{path}.targets: asks something else than Prometheus"
    for override in panel.get("fieldConfig", {}).get("overrides", []):
        yield from _override_faults(override, panel, f"{path}.overrides")


def _override_faults(override: Mapping[str, Any], panel: Mapping[str, Any], path: str) -> Iterator[str]:
    matcher = override.get("matcher", {})
    if matcher.get("id") not in _MATCHERS or not isinstance(matcher.get("options"), str):
        yield f"{path}: matches by {matcher}"
    for setting in override.get("properties", []):
        # An override is a part of a field's configuration: `custom.lineStyle` is the key lineStyle inside custom.
        defaults = setting.get("value")
        for key in reversed(str(setting.get("id")).split(".")):
            defaults = {key: defaults}
        alone = {"type": panel.get("type"), "fieldConfig": {"defaults": defaults, "overrides": []}}
        yield from _faults_as(models.Panel, alone, f"{path}({matcher.get('options')})", complete=False)
        if setting.get("id") == "unit" and setting.get("value") not in UNITS:
            yield f"{path}: {setting.get('value')!r} is no unit"
