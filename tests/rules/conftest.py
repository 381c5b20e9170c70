"""The configuration as data.

A test that asks for `alert` runs once for each alert, and so for `recorded`, `rule`, and `area`, a rule file's name.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

RULE_FILES = sorted((ROOT / "rules").glob("*.yml"))
GROUPS: dict[str, list[dict[str, Any]]] = {path.stem: yaml.safe_load(path.read_text())["groups"] for path in RULE_FILES}
RULES: list[dict[str, Any]] = [
    {**rule, "area": area, "group": group["name"], "interval": group.get("interval", "15s")}
    for area, groups in GROUPS.items()
    for group in groups
    for rule in group["rules"]
]

_SERIES = re.compile(
    r"^\| `(?P<name>[a-z0-9_]+)` \| (?P<type>counter|gauge|histogram|info)[^|]*\|(?P<labels>[^|]*)\|", re.MULTILINE
)
_SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "info": ("",), "counter": ("",), "gauge": ("",)}
_ADDED_BY_SCRAPE = {"job", "instance", "application"}


def _documented_series() -> dict[str, frozenset[str]]:
    """Read docs/metrics.md into the labels that each series has in Prometheus."""
    series = {}
    for row in _SERIES.finditer((ROOT / "docs" / "metrics.md").read_text()):
        labels = set(re.findall(r"`(\w+)`", row["labels"].partition("=")[0])) | _ADDED_BY_SCRAPE
        for suffix in _SUFFIXES[row["type"]]:
            series[row["name"] + suffix] = frozenset(labels | ({"le"} if suffix == "_bucket" else set()))
    return series


# What Prometheus and Alertmanager expose of themselves, as far as the rules use it; test_foreign_series.py looks each
# of them up at the real programs.
FOREIGN_SERIES = {
    "up": frozenset(_ADDED_BY_SCRAPE),
    "ALERTS": frozenset({"alertname", "alertstate", "service", "workflow", "region"}),
    "prometheus_config_last_reload_successful": frozenset({"job", "instance"}),
    "prometheus_notifications_alertmanagers_discovered": frozenset({"job", "instance"}),
    "prometheus_notifications_errors_total": frozenset({"job", "instance", "alertmanager"}),
    "prometheus_rule_evaluation_failures_total": frozenset({"job", "instance", "rule_group"}),
    "prometheus_rule_group_iterations_missed_total": frozenset({"job", "instance", "rule_group"}),
    "alertmanager_config_last_reload_successful": frozenset({"job", "instance"}),
    "alertmanager_notifications_failed_total": frozenset({"job", "instance", "integration"}),
}
RAW_SERIES = _documented_series() | FOREIGN_SERIES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "alert" in metafunc.fixturenames:
        alerts = [rule for rule in RULES if "alert" in rule]
        metafunc.parametrize("alert", alerts, ids=[rule["alert"] for rule in alerts])
    if "recorded" in metafunc.fixturenames:
        recorded = [rule for rule in RULES if "record" in rule]
        metafunc.parametrize("recorded", recorded, ids=[rule["record"] for rule in recorded])
    if "rule" in metafunc.fixturenames:
        metafunc.parametrize("rule", RULES, ids=[rule.get("alert") or rule["record"] for rule in RULES])
    if "area" in metafunc.fixturenames:
        metafunc.parametrize("area", list(GROUPS))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def rules() -> list[dict[str, Any]]:
    """Every rule, with its `area` (the file's name), `group` and the group's `interval` beside it."""
    return RULES


@pytest.fixture(scope="session")
def groups() -> dict[str, list[dict[str, Any]]]:
    """The groups of each rule file."""
    return GROUPS


@pytest.fixture(scope="session")
def raw_series() -> dict[str, frozenset[str]]:
    """The labels of each series that is scraped."""
    return RAW_SERIES


@pytest.fixture(scope="session")
def foreign_series() -> dict[str, frozenset[str]]:
    """The labels of the series that are not ours."""
    return FOREIGN_SERIES
