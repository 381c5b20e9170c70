"""Where alerts go. Alertmanager's own tool answers for the routes; inhibition is read here and tried in a story."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.stack import loopback
from demo.stack.ground import Ground, Ports
from tests.cast import SATURDAY

INCIDENT = {"alertname", "service", "workflow", "region"}
# Keys of webhooks that Alertmanager 0.25 does not know yet.
TOO_NEW = {"timeout", "url_file", "payload"}


@pytest.fixture(scope="module")
def alertmanager(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((root / "alertmanager" / "alertmanager.yml").read_text())
    return document


@pytest.fixture(scope="module")
def localised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ground = Ground(tmp_path_factory.mktemp("ground"), Ports(*(loopback.free_port() for _ in range(6))))
    ground.prepare(SATURDAY)
    return ground.configuration / "alertmanager" / "alertmanager.yml"


def ask(amtool: Path, *arguments: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in (amtool, *arguments)], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def receivers(amtool: Path, configuration: Path, labels: Mapping[str, str]) -> list[str]:
    told = ask(
        amtool, "config", "routes", "test", "--config.file", configuration, *(f"{k}={v}" for k, v in labels.items())
    )
    return told.split(",")


def routes(route: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield route
    for child in route.get("routes", []):
        yield from routes(
            {**{key: value for key, value in route.items() if key not in {"routes", "matchers"}}, **child}
        )


def test_alertmanager_takes_the_configuration(amtool: Path, localised: Path) -> None:
    assert "SUCCESS" in ask(amtool, "check-config", localised)


def test_every_alert_reaches_the_receiver_and_paging_faults_go_around_it(
    amtool: Path, localised: Path, alert: dict[str, Any]
) -> None:
    labels = {"alertname": alert["alert"]} | {key: value for key, value in alert["labels"].items() if "{{" not in value}
    expected = {None: ["receiver"], "paging": ["fallback", "receiver"]}[labels.get("component")]
    if alert["alert"] == "Watchdog":
        expected = ["receiver-watchdog"]
    assert receivers(amtool, localised, labels) == expected


@pytest.mark.parametrize(
    "labels",
    [
        {"alertname": "CriticalErrorReported", "source": "ingest", "severity": "critical", "group": "17"},
        {"alertname": "AddedByHand", "severity": "info"},
        {"alertname": "WithoutAnySeverity"},
        {"alertname": "WrittenOtherwise", "severity": "CRITICAL"},
    ],
)
def test_what_no_rule_of_ours_sent_reaches_the_receiver_too(
    amtool: Path, localised: Path, labels: dict[str, str]
) -> None:
    assert receivers(amtool, localised, labels) == ["receiver"]


def test_what_is_about_paging_is_marked_so(rules: list[dict[str, Any]]) -> None:
    """Whatever can keep a page from a person goes around the receiver."""
    marked = {rule["alert"] for rule in rules if rule.get("labels", {}).get("component") == "paging"}
    about = {
        rule["alert"]
        for rule in rules
        if "alert" in rule
        and re.search(
            r"outbox|pages_total|ticker|escalation|watchdog|webhook_receiver|alertmanager|unposted", rule["expr"]
        )
    }
    assert about - marked == {"PrometheusConfigBad"}, "a refused reload leaves the old configuration at work"


def test_a_new_incident_never_waits_behind_an_old_one(alertmanager: dict[str, Any]) -> None:
    for route in routes(alertmanager["route"]):
        if route["receiver"] != "receiver-watchdog":
            assert set(route["group_by"]) >= INCIDENT | {"group", "instance"}


def test_critical_alerts_and_paging_faults_leave_at_once(alertmanager: dict[str, Any]) -> None:
    urgent = [
        route
        for route in routes(alertmanager["route"])
        if re.search("critical|paging|Watchdog", " ".join(route.get("matchers", [])))
    ]
    assert len(urgent) == 3
    assert all(route["group_wait"] == "0s" for route in urgent)
    assert all(route["group_interval"] in {"10s", "15s"} for route in urgent)


def test_a_route_that_continues_is_followed_by_one_that_takes_everything(alertmanager: dict[str, Any]) -> None:
    """The root catches only what matched no child: without the last one a paging warning would end at the fallback."""
    last = alertmanager["route"]["routes"][-1]
    assert "matchers" not in last
    assert last["receiver"] == "receiver"


def test_nothing_is_muted_by_the_clock(alertmanager: dict[str, Any]) -> None:
    """What a time interval mutes is not resolved either, and then stays open for ever."""
    assert not {"time_intervals", "mute_time_intervals"} & alertmanager.keys()
    for route in routes(alertmanager["route"]):
        assert not {"active_time_intervals", "mute_time_intervals"} & route.keys()


def test_webhooks_send_everything_and_load_on_the_oldest_alertmanager(alertmanager: dict[str, Any]) -> None:
    webhooks = [hook for receiver in alertmanager["receivers"] for hook in receiver["webhook_configs"]]
    for hook in webhooks:
        assert hook["send_resolved"] is True
        assert hook["max_alerts"] == 0
        assert not TOO_NEW & hook.keys()
    to_receiver = [hook for hook in webhooks if "webhook_receiver:8082" in hook["url"]]
    assert {hook["url"] for hook in to_receiver} == {"http://webhook_receiver:8082/api/monitoring/alertmanager"}
    for hook in to_receiver:
        assert hook["http_config"]["authorization"] == {"credentials_file": "/run/secrets/alertmanager"}


def test_the_fallback_does_not_pass_through_the_receiver(alertmanager: dict[str, Any]) -> None:
    fallback = next(each for each in alertmanager["receivers"] if each["name"] == "fallback")
    assert [hook["url"] for hook in fallback["webhook_configs"]] == ["http://demo:8083/pager/fallback"]


def test_inhibition_holds_back_warnings_only_and_compares_labels_that_are_there(alertmanager: dict[str, Any]) -> None:
    for rule in alertmanager["inhibit_rules"]:
        targets = rule["target_matchers"]
        assert 'severity = "warning"' in targets
        named = [matcher for matcher in targets if matcher.startswith("alertname")]
        assert 'component != "paging"' in targets or named == ['alertname = "CalendarExporterDown"']
        if not named or "=~" in named[0]:
            for label in rule["equal"]:
                assert f'{label} != ""' in targets
                assert f'{label} != ""' in rule["source_matchers"]


def test_what_holds_back_is_never_less_urgent_than_what_is_held_back(
    alertmanager: dict[str, Any], rules: list[dict[str, Any]]
) -> None:
    """On a Saturday `affects` decides who is woken: a cause must reach as far as the symptoms it silences."""
    affects = {rule["alert"]: rule["labels"]["affects"] for rule in rules if "alert" in rule}
    third_party = next(rule for rule in alertmanager["inhibit_rules"] if "ThirdPartyFailing" in str(rule))
    names = next(re.findall(r'"(.*)"', each)[0] for each in third_party["target_matchers"] if "alertname" in each)
    assert set(names.split("|")) <= affects.keys()
    assert affects["ThirdPartyFailing"] == "wedding_workflows"
