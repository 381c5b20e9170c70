"""Where OTLP goes, and the two ways of setting it that look right and are not."""

import pytest

from exporters.instrumentation.endpoints import otlp_endpoints

BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_nothing_is_pushed_unless_asked() -> None:
    found = otlp_endpoints(None, {})
    assert (found.traces, found.metrics, found.warnings) == (None, None, ())


@pytest.mark.parametrize("base", ["http://collector:4318", "http://collector:4318/"])
def test_a_base_address_gains_a_path_per_signal(base: str) -> None:
    asked = otlp_endpoints(base, {})
    from_environment = otlp_endpoints(None, {BASE: base})
    assert asked == from_environment
    assert asked.traces == "http://collector:4318/v1/traces"
    assert asked.metrics == "http://collector:4318/v1/metrics"


def test_a_per_signal_variable_is_used_as_it_is_and_warned_about_when_it_is_a_base() -> None:
    environment = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://prometheus:9090/api/v1/otlp"}
    found = otlp_endpoints(None, environment)
    assert found.metrics == "http://prometheus:9090/api/v1/otlp"
    assert found.traces is None
    assert len(found.warnings) == 1
    assert "404" in found.warnings[0]


def test_a_per_signal_variable_with_its_path_is_no_cause_for_warning() -> None:
    environment = {
        BASE: "http://collector:4318",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://prometheus:9090/api/v1/otlp/v1/metrics",
    }
    found = otlp_endpoints(None, environment)
    assert found.metrics == "http://prometheus:9090/api/v1/otlp/v1/metrics"
    assert found.traces == "http://collector:4318/v1/traces"
    assert found.warnings == ()


def test_what_the_code_asks_for_comes_before_the_environment() -> None:
    environment = {BASE: "http://elsewhere", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://elsewhere/v1/traces"}
    assert otlp_endpoints("http://here", environment).traces == "http://here/v1/traces"
    assert otlp_endpoints("", environment).traces is None


def test_one_signal_can_be_turned_off() -> None:
    found = otlp_endpoints("http://collector:4318", {"OTEL_METRICS_EXPORTER": "none"})
    assert (found.traces, found.metrics) == ("http://collector:4318/v1/traces", None)
