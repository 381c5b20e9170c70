"""Which gate stands in the way: a table a row, each changes one thing in a situation in which a run may begin."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import TUESDAY
from webhook_receiver.runbooks.contract import Runbook
from webhook_receiver.runbooks.gates import ORDER, Ended, Situation, breaker_opens_until, judge, outcome

QUIET = Situation(
    now=TUESDAY,
    switched_off=None,
    environment="production",
    weddings_live=(),
    last_on_target=None,
    runs_of_runbook=0,
    runs_of_all=0,
    most_of_all=10,
    outcomes=(),
    targets=1,
    approved_by=(),
    plan="p1",
    plan_seen=None,
)


def runbook(step: dict[str, Any] | None = None, **gates: Any) -> Runbook:
    return Runbook.model_validate(
        {
            "name": "restart_uploads",
            "summary": "Restart",
            "match": {"alertname": "WorkflowFailing"},
            "environments": ["production"],
            "gates": gates,
            "steps": [step or {"do": "call", "endpoint": "restart"}],
        }
    )


def stands(written: Runbook, seen: Situation) -> tuple[str, str, str] | None:
    found = outcome(judge(written, seen))
    return None if found is None else (found.gate, found.verdict, found.reason)


def ago(minutes: float) -> Any:
    return TUESDAY - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("gates", "change", "expected"),
    [
        ({}, {}, None),
        ({}, {"switched_off": "ines: no"}, ("kill_switch", "refused", "switched_off")),
        ({}, {"weddings_live": ("london",)}, ("freeze", "refused", "weddings_live")),
        ({"during_weddings": "run"}, {"weddings_live": ("london",)}, None),
        ({"during_weddings": "ask"}, {"weddings_live": ("london",)}, ("approval", "waits", "people_asked")),
        ({"during_weddings": "ask"}, {"weddings_live": ("london",), "approved_by": ("ines",), "plan_seen": "p1"}, None),
        ({"during_weddings": "ask"}, {}, None),
        ({}, {"environment": "demo"}, ("environment", "refused", "other_environment")),
        ({}, {"last_on_target": ago(9)}, ("cooldown", "refused", "cooling_down")),
        ({}, {"last_on_target": ago(10)}, None),
        ({"rate": {"runs": 2}}, {"runs_of_runbook": 2}, ("rate", "refused", "too_many_of_this")),
        ({}, {"runs_of_all": 10}, ("rate", "refused", "too_many_of_all")),
        ({}, {"outcomes": [Ended("failed", ago(5))]}, None),
        (
            {},
            {"outcomes": [Ended("unknown", ago(5)), Ended("not_mended", ago(30))]},
            ("circuit_breaker", "refused", "open"),
        ),
        ({}, {"outcomes": [Ended("failed", ago(61)), Ended("failed", ago(90))]}, None),
        ({}, {"outcomes": [Ended("failed", ago(5)), Ended("mended", ago(6)), Ended("failed", ago(7))]}, None),
        ({}, {"targets": 2}, ("maximum_targets", "refused", "too_many_targets")),
        ({"approval": {"people": 2}}, {"approved_by": ("ines",)}, ("approval", "waits", "people_asked")),
        ({"approval": {"people": 2}}, {"approved_by": ("ines", "noor"), "plan_seen": "p1"}, None),
        (
            {"approval": {}},
            {"approved_by": ("ines",), "plan_seen": "p0"},
            ("dry_run", "refused", "another_plan_shown"),
        ),
        ({"dry_run": True}, {}, ("dry_run", "refused", "not_shown")),
        ({"dry_run": True}, {"plan_seen": "p0"}, ("dry_run", "refused", "another_plan_shown")),
        ({"dry_run": True}, {"plan_seen": "p1"}, None),
    ],
)
def test_what_stands_in_the_way(
    gates: dict[str, Any], change: dict[str, Any], expected: tuple[str, str, str] | None
) -> None:
    assert stands(runbook(**gates), replace(QUIET, **change)) == expected


def test_looking_is_free_while_weddings_are_live() -> None:
    looks = runbook({"do": "check", "query": "up"}, during_weddings="refuse")
    assert stands(looks, replace(QUIET, weddings_live=("london",))) is None


def test_gates_are_asked_in_one_order_and_none_after_a_refusal() -> None:
    assert [one.gate for one in judge(runbook(), QUIET)] == list(ORDER)
    refused = judge(runbook(), replace(QUIET, last_on_target=TUESDAY, targets=9))
    assert [one.gate for one in refused] == ["kill_switch", "freeze", "environment", "cooldown"]


def test_an_open_breaker_lets_one_trial_through_after_its_time() -> None:
    outcomes = [Ended("failed", ago(61)), Ended("failed", ago(62))]
    said = next(one for one in judge(runbook(), replace(QUIET, outcomes=outcomes)) if one.gate == "circuit_breaker")
    assert (said.verdict, said.reason) == ("passed", "trial")
    again = [Ended("failed", TUESDAY), *outcomes]
    assert breaker_opens_until(runbook(), again) == TUESDAY + timedelta(hours=1)


@given(
    states=st.lists(st.sampled_from(["mended", "failed", "unknown", "not_mended", "done"]), max_size=8),
    switched_off=st.none() | st.just("off"),
    targets=st.integers(1, 5),
    runs=st.integers(0, 12),
)
def test_whatever_else_holds_the_kill_switch_refuses(
    states: list[str], switched_off: str | None, targets: int, runs: int
) -> None:
    outcomes = [Ended(state, ago(minute)) for minute, state in enumerate(states)]
    seen = replace(QUIET, outcomes=outcomes, switched_off=switched_off, targets=targets, runs_of_all=runs)
    found = stands(runbook(), seen)
    if switched_off:
        assert found == ("kill_switch", "refused", "switched_off")
    if found is None:
        assert targets == 1
        assert runs < 10
