"""Compose's configuration on loopback."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from demo.stack.configuration import NotLocalised, Places, localise

PLACES = Places(
    addresses={
        "exporters:8081": "127.0.0.1:18081",
        "webhook_receiver:8082": "127.0.0.1:18082",
        "localhost:8082": "127.0.0.1:18082",
        "demo:8083": "127.0.0.1:18083",
        "alertmanager:9093": "127.0.0.1:19093",
    },
    paths={
        "/run/secrets/viewer": Path("/home/noor/var/secrets/viewer"),
        "/run/secrets/alertmanager": Path("/home/noor/var/secrets/alertmanager"),
        "/etc/prometheus/rules/": Path("/home/noor/rules"),
        "/var/lib/wedsync": Path("/home/noor/var/data"),
    },
)
PROMETHEUS = """\
global: {scrape_interval: 15s}
rule_files: [/etc/prometheus/rules/*.yml]
alerting:
  alertmanagers:
    - static_configs: [{targets: ["alertmanager:9093"]}]
scrape_configs:
  - job_name: exporters
    metrics_path: /metrics
    sample_limit: 5000
    authorization: {credentials_file: /run/secrets/viewer}
    static_configs:
      - targets: [exporters:8081]
        labels: {application: exporters}
"""
ALERTMANAGER = """\
route:
  receiver: receiver
  group_by: &incident [alertname, service]
  routes:
    - matchers: ['alertname = "Watchdog"', service =~ "demo|exporters"]
      group_by: *incident
      active_time_intervals: [office]
time_intervals:
  - name: office
    time_intervals: [{times: [{start_time: 09:00, end_time: 17:00}]}]
receivers:
  - name: receiver
    webhook_configs:
      - url: http://webhook_receiver:8082/api/monitoring/alertmanager
        http_config: {authorization: {credentials_file: /run/secrets/alertmanager}}
      - url: https://heartbeat.example.org/ping/wedsync
"""


def changed(text: str) -> object:
    return yaml.safe_load(localise(text, PLACES, "sample.yml"))


def test_prometheus_scrapes_loopback_with_real_credentials_and_rules() -> None:
    assert changed(PROMETHEUS) == {
        "global": {"scrape_interval": "15s"},
        "rule_files": ["/home/noor/rules/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:19093"]}]}]},
        "scrape_configs": [
            {
                "job_name": "exporters",
                "metrics_path": "/metrics",
                "sample_limit": 5000,
                "authorization": {"credentials_file": "/home/noor/var/secrets/viewer"},
                "static_configs": [{"targets": ["127.0.0.1:18081"], "labels": {"application": "exporters"}}],
            }
        ],
    }


def test_alertmanager_posts_to_loopback_and_outsiders_stay() -> None:
    told = localise(ALERTMANAGER, PLACES, "sample.yml")
    assert "url: http://127.0.0.1:18082/api/monitoring/alertmanager" in told
    assert "credentials_file: /home/noor/var/secrets/alertmanager\n" in told
    assert "url: https://heartbeat.example.org/ping/wedsync" in told
    assert 'service =~ "demo|exporters"' in told, "a label's value is no host"


def test_a_time_of_day_stays_as_it_was_written() -> None:
    told = localise(ALERTMANAGER, PLACES, "sample.yml")
    assert "end_time: 17:00\n" in told, "a YAML 1.1 loader takes it for 1020"


def test_it_says_where_it_comes_from() -> None:
    first = localise(PROMETHEUS, PLACES, "prometheus/prometheus.yml").splitlines()[0]
    assert first == "# Made from prometheus/prometheus.yml at every start: change that file, not this one."


def test_a_listening_address_becomes_loopback() -> None:
    assert changed("exporters: {host: 0.0.0.0, port: 8081}") == {"exporters": {"host": "127.0.0.1", "port": 8081}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: {b: [x, 'http://grafana:3000/']}", "sample.yml: a.b.1: grafana:3000 has no place on this machine"),
        ("a: exporters:9999", "sample.yml: a: exporters:9999 has no place on this machine"),
        ("a: http://exporters/metrics", "sample.yml: a: exporters has no place on this machine"),
        ("a: postgresql://noor@postgres/incidents", "sample.yml: a: postgres has no place on this machine"),
        ("a: /run/secrets/smtp_password", "sample.yml: a: /run/secrets/smtp_password has no place on this machine"),
        ("a: /run/secrets/viewer2", "sample.yml: a: /run/secrets/viewer2 has no place on this machine"),
        ("a: '$__file{/run/secrets/other}'", "sample.yml: a: /run/secrets/other has no place on this machine"),
        (
            "a: file:///etc/wedsync/weddings.csv",
            "sample.yml: a: /etc/wedsync/weddings.csv has no place on this machine",
        ),
        ("- /etc/alertmanager/templates/*.tmpl", "sample.yml: 0: /etc/alertmanager/templates/*.tmpl has no place"),
    ],
)
def test_a_leftover_host_or_path_is_named_with_its_key(text: str, told: str) -> None:
    with pytest.raises(NotLocalised) as caught:
        localise(text, PLACES, "sample.yml")
    assert told in str(caught.value)


def test_all_leftovers_are_named_at_once() -> None:
    with pytest.raises(NotLocalised) as caught:
        localise("a: grafana:3000\nb: /run/secrets/x\n", PLACES, "sample.yml")
    assert str(caught.value).count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:9090",
        "http://localhost:5000/",
        "smtp.wedsync.example:587",
        "my-exporters:8081x",
        "wedsync:upload_error_ratio:ratio5m",
        "{{ $labels.service }} is at 17:30",
        "/metrics",
        "/api/monitoring/alertmanager",
        "tz: Europe/London",
        "10:00",
    ],
)
def test_what_is_of_no_world_in_particular_stays(text: str) -> None:
    assert changed(yaml.safe_dump({"a": text})) == {"a": text}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("$__file{/run/secrets/viewer}", "$__file{/home/noor/var/secrets/viewer}"),
        ("exporters:8081,demo:8083", "127.0.0.1:18081,127.0.0.1:18083"),
        ("http://localhost:8082", "http://127.0.0.1:18082"),
        ("/var/lib/wedsync/telemetry.sqlite", "/home/noor/var/data/telemetry.sqlite"),
        ("/var/lib/wedsync", "/home/noor/var/data"),
    ],
)
def test_places_are_found_inside_texts(text: str, told: str) -> None:
    assert changed(yaml.safe_dump({"a": text})) == {"a": told}


def test_an_empty_file_stays_empty() -> None:
    assert localise("# nothing yet\n", PLACES, "sample.yml") == ""


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc .:/{}'\"\n0123456789-_", max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcd", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_without_places_and_leftovers_nothing_changes(value: object) -> None:
    text = yaml.safe_dump({"value": value})
    try:
        told = localise(text, Places({}, {}), "sample.yml")
    except NotLocalised:
        return
    assert yaml.safe_load(told) == yaml.safe_load(text)
