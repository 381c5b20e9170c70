"""What Prometheus asks, how often, and what it refuses to swallow."""

from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

OURS = {"exporters", "webhook_receiver", "wedsync"}
TARGETS = {
    "exporters": "exporters:8081",
    "webhook_receiver": "webhook_receiver:8082",
    "wedsync": "demo:8083",
    "prometheus": "prometheus:9090",
    "alertmanager": "alertmanager:9093",
}


@pytest.fixture(scope="module")
def prometheus(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((root / "prometheus" / "prometheus.yml").read_text())
    return document


@pytest.fixture(scope="module")
def jobs(prometheus: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {job["job_name"]: job for job in prometheus["scrape_configs"]}


def test_the_five_jobs_have_their_targets(jobs: dict[str, dict[str, Any]]) -> None:
    found = {
        name: [target for each in job["static_configs"] for target in each["targets"]] for name, job in jobs.items()
    }
    assert found == {name: [target] for name, target in TARGETS.items()}


def test_what_paging_hangs_on_is_asked_every_few_seconds(
    prometheus: dict[str, Any], jobs: dict[str, dict[str, Any]]
) -> None:
    intervals = {
        name: job.get("scrape_interval", prometheus["global"]["scrape_interval"]) for name, job in jobs.items()
    }
    assert {name: intervals[name] for name in OURS} == {"exporters": "5s", "webhook_receiver": "5s", "wedsync": "2s"}
    for name, interval in intervals.items():
        timeout = jobs[name].get("scrape_timeout", prometheus["global"]["scrape_timeout"])
        assert promql.parse_duration(timeout) < promql.parse_duration(interval)
    assert prometheus["global"]["evaluation_interval"] == "15s"


def test_what_decides_on_paging_is_evaluated_at_once(rules: list[dict[str, Any]]) -> None:
    intervals = {rule.get("alert", rule.get("record")): rule["interval"] for rule in rules}
    for name in ("WorkflowFailing", "PhotoUploadsLost", "WorkflowDataLost"):
        assert intervals[name] == "1s"
    for name in ("ServiceDown", "ReceiverDown"):
        assert intervals[name] == "2s"
    assert intervals["region:workflow_failure_ratio:threshold_in_force"] == "5s"


def test_our_services_are_asked_with_credentials_and_the_others_without(jobs: dict[str, dict[str, Any]]) -> None:
    for name, job in jobs.items():
        expected = {"credentials_file": "/run/secrets/viewer"} if name in OURS else None
        assert job.get("authorization") == expected


def test_no_target_can_fill_prometheus(jobs: dict[str, dict[str, Any]]) -> None:
    for job in jobs.values():
        assert 0 < job["sample_limit"] <= 20_000
        assert 0 < job["label_limit"] <= 30


def test_no_label_of_a_target_hides_one_of_its_series(
    jobs: dict[str, dict[str, Any]], raw_series: dict[str, frozenset[str]]
) -> None:
    """Prometheus would rename the series' own label to exported_..., and every rule would lose it."""
    own = {"service", "workflow", "region", "severity", "risk", "route", "level", "outcome"}
    assert own <= {label for labels in raw_series.values() for label in labels}
    for job in jobs.values():
        for each in job["static_configs"]:
            assert set(each.get("labels", {})) <= {"application"}


def test_rules_and_alertmanager_are_where_compose_puts_them(prometheus: dict[str, Any]) -> None:
    assert prometheus["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    (alertmanager,) = prometheus["alerting"]["alertmanagers"]
    assert alertmanager["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert "external_labels" not in prometheus["global"], "they would become labels of every alert"
