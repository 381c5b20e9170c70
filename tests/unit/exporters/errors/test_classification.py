"""From a report to its severity, and from a severe one to its alarm."""

from typing import Any

import pytest

from exporters.errors.classification import affected_by, alarm_of, is_alarming, judge
from exporters.errors.cleaning import CleanReport, clean
from exporters.errors.contract import ErrorReport
from exporters.errors.fingerprint import fingerprint
from tests.cast import SATURDAY, TUESDAY
from tests.error_desk import REGIONS, SURROUNDINGS, lost_photo
from wedsync_core.season import WeddingIndex, facts
from wedsync_core.severity import Decision, Severity, SeveritySettings

RULES: dict[str, tuple[dict[str, Any], bool, str, str]] = {
    "a lost photo on a Saturday": ({}, True, "critical", "wedding_workflow_on_wedding_day"),
    "a lost photo on a Tuesday": ({}, False, "high", "uploads_lost"),
    "a plain error of a workflow on a Saturday": (
        {"type": "error"},
        True,
        "critical",
        "wedding_workflow_on_wedding_day",
    ),
    "a plain error of a workflow on a Tuesday": ({"type": "error"}, False, "low", "nothing_above"),
    "a plain error of no workflow on a Saturday": ({"type": "error", "affects": []}, True, "low", "nothing_above"),
    "every workflow": ({"affects": ["wedding_workflows"]}, True, "critical", "wedding_workflow_on_wedding_day"),
    "payments fail on a Tuesday": (
        {"service": "payment", "type": "service_failure", "affects": []},
        False,
        "high",
        "payment_failure",
    ),
    "slow on a Tuesday in January": (
        {"type": "performance_degradation", "affects": []},
        False,
        "medium",
        "degradation",
    ),
    "slow in June": (
        {"type": "performance_degradation", "affects": []},
        True,
        "high",
        "degradation_in_peak_season",
    ),
}


def report(**members: Any) -> CleanReport:
    parsed = ErrorReport.model_validate(lost_photo(**members))
    return clean(parsed, event_id="0" * 32, now=SATURDAY, pseudonym_key=b"k")


def decided(one: CleanReport, *, saturday: bool, users: int = 0) -> Decision:
    calendar = facts(SATURDAY if saturday else TUESDAY, REGIONS, WeddingIndex())
    return judge(
        one, affected_users=users, calendar=calendar, surroundings=SURROUNDINGS, limits=SeveritySettings(many_users=100)
    )


@pytest.mark.parametrize(("members", "saturday", "severity", "rule"), RULES.values(), ids=RULES.keys())
def test_the_rules(members: dict[str, Any], saturday: bool, severity: str, rule: str) -> None:
    decision = decided(report(**members), saturday=saturday)
    assert (decision.severity.value, decision.rule) == (severity, rule)
    assert decision.reasons


def test_a_failing_service_affects_what_it_carries_and_a_plain_error_does_not() -> None:
    assert affected_by(report(affects=[], type="service_failure"), SURROUNDINGS) == {"photo_upload"}
    assert affected_by(report(affects=[], type="error"), SURROUNDINGS) == set()
    assert affected_by(report(affects=["timeline"], type="data_loss"), SURROUNDINGS) == {"timeline"}


@pytest.mark.parametrize("severity", Severity)
def test_critical_and_high_raise_an_alarm(severity: Severity) -> None:
    assert is_alarming(severity) is (severity in {Severity.CRITICAL, Severity.HIGH})


@pytest.mark.parametrize(("saturday", "label"), [(True, "critical"), (False, "warning")])
def test_the_alarm_speaks_alertmanager_s_language(saturday: bool, label: str) -> None:
    one = report()
    decision = decided(one, saturday=saturday)
    print_ = fingerprint(one)
    alarm = alarm_of(one, print_, decision, SURROUNDINGS)
    assert alarm.labels["severity"] == label
    assert alarm.labels["group"] == print_.key[3:19]
    assert (alarm.group_key, alarm.region) == (print_.key, "london")
    assert set(alarm.annotations) == {"summary", "description", "runbook_url", "dashboard_url"}


def test_what_a_user_typed_is_never_a_label() -> None:
    one = report(service='Bobby"; DROP', region="here be dragons", affects=["<x>", "payment"], type="data_loss")
    labels = alarm_of(one, fingerprint(one), decided(one, saturday=True), SURROUNDINGS).labels
    assert (labels["service"], labels["region"], labels["affects"]) == ("other", "other", "payment")


def test_what_is_not_known_is_no_label() -> None:
    one = report(region=None, affects=None, service="timeline", type="performance_degradation")
    labels = alarm_of(one, fingerprint(one), decided(one, saturday=True), SURROUNDINGS).labels
    assert not {"region", "affects"} & labels.keys()
