"""What is written about alerts is true: runbooks, tables of docs/alerts.md, recorded series of docs/metrics.md."""

import json
import re
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from exporters.instrumentation.series import DURATION_BUCKETS
from webhook_receiver.runbooks.library import split
from wedsync_core.season import Risk
from wedsync_core.settings.runbooks import PLACE
from wedsync_core.severity import WEDDING_WORKFLOWS

Rules = list[dict[str, Any]]

POSTED_DIRECTLY = "CriticalErrorReported"
RUNBOOKS = "https://github.com/wedsync/monitoring/blob/main/docs/runbooks/"
SECTIONS = [
    "What it means for weddings",
    "First look",
    "Likely causes",
    "Mend",
    "Whom to wake",
    "Over when",
]
TYPES = {
    "service_failure",
    "performance_degradation",
    "error_spike",
    "data_loss",
    "traffic_stopped",
    "calendar_fault",
    "monitoring_fault",
    "heartbeat",
    "security",
}
# Pages for rules that WedSync has beside ours.
OF_WEDSYNC_ITSELF = {"CertificateExpiring", "UploadBacklogGrowing"}
# Series that only a person, or a machine, looks at in a runbook.
ONLY_IN_RUNBOOKS = {
    "prometheus_rule_group_last_duration_seconds",
    "prometheus_rule_group_interval_seconds",
    "probe_ssl_earliest_cert_expiry",
}
DASHBOARDS = {"errors": "/d/wedsync-errors"}
RISKS = ["wedding_day", "weekend", "peak_season", "normal"]


def rows(text: str, heading: str) -> list[list[str]]:
    """The table under a heading: its rows without the first two, each a list of cells."""
    section = re.split(r"^## ", text.split(f"\n## {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture(scope="module")
def document(root: Path) -> str:
    return (root / "docs" / "alerts.md").read_text()


def test_an_alert_says_what_people_and_the_receiver_need(alert: dict[str, Any]) -> None:
    labels, annotations = alert["labels"], alert["annotations"]
    assert labels["severity"] in {"critical", "warning", "info", "none"}
    assert labels["type"] in TYPES
    affected = labels["affects"].split(",")
    assert set(affected) <= WEDDING_WORKFLOWS | {"wedding_workflows", "web", "monitoring", "{{ $labels.workflow }}"}
    assert {"summary", "description", "runbook_url", "dashboard_url"} == annotations.keys()
    assert annotations["runbook_url"] == f"{RUNBOOKS}{alert['alert']}.md"
    assert annotations["dashboard_url"] == DASHBOARDS.get(alert["area"], "/d/wedsync-overview")


def test_an_alert_names_its_service(alert: dict[str, Any]) -> None:
    grouped = re.search(r"service_(route|workflow|level|dependency)|by \(service", alert["expr"])
    assert "service" in alert["labels"] or grouped


def test_every_alert_has_its_runbook_and_every_runbook_its_alert(root: Path, rules: Rules) -> None:
    alerts = {rule["alert"] for rule in rules if "alert" in rule} | {POSTED_DIRECTLY}
    assert {path.stem for path in (root / "docs" / "runbooks").glob("*.md")} == alerts | OF_WEDSYNC_ITSELF


def test_runbooks_have_their_sections_and_their_queries_can_be_asked(
    root: Path, rules: Rules, raw_series: dict[str, Any]
) -> None:
    known = raw_series.keys() | {rule["record"] for rule in rules if "record" in rule} | ONLY_IN_RUNBOOKS
    for path in (root / "docs" / "runbooks").glob("*.md"):
        front, text = split(path.read_text())
        assert text.startswith(f"# {path.stem}\n"), path.name
        assert re.findall(r"^## (.*)", text, re.MULTILINE) == SECTIONS, path.name
        queries = re.findall(r"```promql\n(.*?)```", text, re.DOTALL)
        assert queries, path.name
        steps = yaml.safe_load(front)["steps"] if front else []
        queries += [PLACE.sub("x", step["query"]) for step in steps if "query" in step]
        names: set[str] = set()
        for query in queries:
            selected: list[Any] = []
            promql.walk(promql.parse(query), selected.append)
            names |= {str(node.name) for node in selected if isinstance(node, promql.VectorSelector)}
        assert names <= known, path.name


def test_the_table_of_alerts_is_the_alerts(document: str, rules: Rules) -> None:
    written = {cells[0].strip("`"): (cells[1], cells[2].strip("`")) for cells in rows(document, "The alerts")}
    assert written == {
        rule["alert"]: (rule["labels"]["severity"], rule["labels"]["type"]) for rule in rules if "alert" in rule
    }


def constants(rules: Rules) -> dict[tuple[str, str | None], dict[str, float]]:
    """The recorded thresholds: by signal and workflow, the number of each risk."""
    found: dict[tuple[str, str | None], dict[str, float]] = {}
    for rule in rules:
        if rule.get("record", "").endswith(":threshold"):
            key = (rule["record"].split(":")[1], rule["labels"].get("workflow"))
            found.setdefault(key, {})[rule["labels"]["risk"]] = float(rule["expr"][len("vector(") : -1])
    return found


def test_the_table_of_thresholds_is_the_thresholds(document: str, rules: Rules) -> None:
    written = {}
    for signal, *numbers in rows(document, "Thresholds"):
        name, _, workflow = signal.partition(" ")
        written[name.strip("`"), workflow or None] = dict(zip(RISKS, map(float, numbers), strict=True))
    assert written == constants(rules)


def test_every_threshold_has_every_risk_and_wedding_day_is_the_strictest(rules: Rules) -> None:
    assert set(RISKS) == {risk.value for risk in Risk}
    for numbers in constants(rules).values():
        ordered = [numbers[risk] for risk in RISKS]
        assert ordered == sorted(ordered)
        assert ordered[0] < ordered[-1]


def test_every_workflow_has_its_thresholds(rules: Rules) -> None:
    slow = {workflow for signal, workflow in constants(rules) if signal == "workflow_duration_p95_seconds"}
    assert slow == WEDDING_WORKFLOWS
    in_force = {
        rule["labels"]["workflow"]
        for rule in rules
        if rule.get("record") == "region_workflow:workflow_duration_p95_seconds:threshold_in_force"
    }
    assert in_force == WEDDING_WORKFLOWS


def test_a_duration_can_exceed_its_threshold(rules: Rules) -> None:
    """Above the last bucket a quantile stays at that bucket's edge."""
    for (signal, _), numbers in constants(rules).items():
        if signal.endswith("_seconds"):
            assert max(numbers.values()) < max(DURATION_BUCKETS)


def test_the_example_is_a_message_the_receiver_reads(document: str, rules: Rules) -> None:
    message = json.loads(re.findall(r"```json\n(.*?)```", document, re.DOTALL)[0])
    (alert,) = message["alerts"]
    rule = next(each for each in rules if each.get("alert") == alert["labels"]["alertname"])
    for name, value in rule["labels"].items():
        assert alert["labels"][name] == value.replace("{{ $labels.workflow }}", alert["labels"]["workflow"])
    assert alert["annotations"].keys() == rule["annotations"].keys()


def test_recorded_series_are_documented_and_back(root: Path, rules: Rules) -> None:
    written: set[str] = set()
    for cells in rows((root / "docs" / "metrics.md").read_text(), "Recorded by the rules"):
        full = ""
        for name in re.findall(r"`([^`]+)`", cells[0]):
            full = name if not name.startswith(":") else full.rpartition(":")[0] + name
            written.add(full)
    assert written == {rule["record"] for rule in rules if "record" in rule}
