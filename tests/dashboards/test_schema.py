"""The committed dashboards are what the code makes, and Grafana's models know every key and word in them."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grafana.build import DASHBOARDS, ROOT, dashboards, main
from grafana.schema import UNITS, faults_of

OVERVIEW = json.loads((DASHBOARDS / "overview.json").read_text(encoding="utf-8"))

# Their keys are data: the names of fields, or the values that are put into words.
FREE_KEYS = {"excludeByName", "indexByName", "renameByName"}


def shapes(node: Any, path: tuple[Any, ...] = (), kind: str = "") -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Give every key of the model with its path, and the shape of that path: without numbers, with the panel's type."""
    if isinstance(node, dict):
        kind = node["type"] if path[:1] == ("panels",) and len(path) == 2 else kind
        for key, value in node.items():
            here = (*path, key)
            if FREE_KEYS.isdisjoint(path) and not (path[-1:] == ("options",) and "text" in str(value)):
                yield f"{kind}:{'.'.join(part for part in here if isinstance(part, str))}", here
            yield from shapes(value, here, kind)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from shapes(value, (*path, index), kind)


# One place for each shape: a misspelling is caught in the ninth panel as it is in the first.
PLACES = dict(reversed(list(shapes(OVERVIEW))))


def alone(path: tuple[Any, ...]) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Return a copy of the dashboard with only the panel that the path leads to, and the path in it."""
    if path[0] != "panels":
        return copy.deepcopy({**OVERVIEW, "panels": []}), path
    if len(path) == 1:
        return copy.deepcopy(OVERVIEW), path
    return copy.deepcopy({**OVERVIEW, "panels": [OVERVIEW["panels"][path[1]]]}), ("panels", 0, *path[2:])


def panel_of(kind: str) -> dict[str, Any]:
    return copy.deepcopy(next(panel for panel in OVERVIEW["panels"] if panel["type"] == kind))


def faults_with(kind: str, change: Callable[[dict[str, Any]], None]) -> list[str]:
    panel = panel_of(kind)
    change(panel)
    return faults_of({**OVERVIEW, "panels": [panel]})


def test_the_committed_files_are_what_the_code_makes() -> None:
    for path, text in dashboards().items():
        assert path.read_text(encoding="utf-8") == text, f"run `python -m grafana.build`: {path.name} is stale"
    assert {path.name for path in DASHBOARDS.glob("*.json")} == {path.name for path in dashboards()}


def test_building_says_which_file_is_stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("grafana.build.ROOT", tmp_path)
    monkeypatch.setattr("grafana.build.DASHBOARDS", tmp_path)
    (tmp_path / "wedsync.yml").write_text((ROOT / "wedsync.yml").read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert json.loads((tmp_path / "overview.json").read_text(encoding="utf-8")) == OVERVIEW


def test_it_can_be_built_from_the_command_line() -> None:
    subprocess.run([sys.executable, "-m", "grafana.build", "--check"], cwd=ROOT, check=True, timeout=60)


def test_grafanas_models_hold_the_whole_dashboard() -> None:
    assert faults_of(OVERVIEW) == []
    assert OVERVIEW["schemaVersion"] == 42


@pytest.mark.parametrize("shape", sorted(PLACES))
def test_a_misspelt_key_is_noticed(shape: str) -> None:
    broken, path = alone(PLACES[shape])
    node: Any = broken
    for part in path[:-1]:
        node = node[part]
    node[f"{path[-1]}x"] = node.pop(path[-1])
    assert faults_of(broken), f"{path[-1]}x was taken for {path[-1]}"


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("stat", lambda panel: panel["options"].update(graphMode="arae")),
        ("stat", lambda panel: panel["options"].update(wideLayout="yes")),
        ("stat", lambda panel: panel["options"]["reduceOptions"].update(calcs="lastNotNull")),
        ("stat", lambda panel: panel["fieldConfig"]["defaults"]["thresholds"].update(mode="relative")),
        ("stat", lambda panel: panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0].update(color=3)),
        ("stat", lambda panel: panel["fieldConfig"]["defaults"].update(decimals="2")),
        ("stat", lambda panel: panel.update(type="singlestat")),
        ("stat", lambda panel: panel.update(id="101")),
        ("timeseries", lambda panel: panel["fieldConfig"]["defaults"]["custom"].update(showPoints="nver")),
        ("timeseries", lambda panel: panel["options"]["legend"].update(placement="underneath")),
        ("timeseries", lambda panel: panel["targets"][0].update(editorMode="vim")),
        ("timeseries", lambda panel: panel["targets"][0]["datasource"].update(type="loki")),
        ("timeseries", lambda panel: panel["fieldConfig"]["overrides"][0]["matcher"].update(id="byNmae")),
        (
            "timeseries",
            lambda panel: panel["fieldConfig"]["overrides"][0]["properties"][0].update(id="custom.lineStil"),
        ),
        ("table", lambda panel: panel["transformations"][0].update(id="mergee")),
        ("table", lambda panel: panel["options"]["sortBy"][0].update(desc="no")),
        ("state-timeline", lambda panel: panel["options"].update(showValue="sometimes")),
        ("state-timeline", lambda panel: panel["fieldConfig"]["defaults"]["mappings"][0].update(type="values")),
    ],
)
def test_a_wrong_word_or_type_is_noticed(kind: str, change: Callable[[dict[str, Any]], None]) -> None:
    assert faults_with(kind, lambda _panel: None) == []
    assert faults_with(kind, change)


def test_a_unit_in_an_override_must_exist() -> None:
    table = panel_of("table")
    properties = next(
        each["properties"] for each in table["fieldConfig"]["overrides"] if each["properties"][0]["id"] == "unit"
    )
    properties[0]["value"] = "parsecs"
    assert faults_of({**OVERVIEW, "panels": [table]})


def test_the_units_are_grafanas_own() -> None:
    assert {"s", "percentunit", "reqps", "ops", "eps", "none", "dateTimeFromNow"} <= UNITS
    assert len(UNITS) > 250
