"""A fault in a real service is healed by a runbook, with no hand, and where somebody marries with one approval."""

from typing import Any

import pytest

from tests.waiting import wait_until
from tests.whole_stack import WholeStack

pytestmark = pytest.mark.real
RUNBOOK = "mend_failing_workflow"


def runs(stack: WholeStack, region: str, workflow: str) -> list[dict[str, Any]]:
    found = stack.call("GET", "receiver", "/api/monitoring/runbooks/runs").json()["runs"]
    wanted = {"region": region, "workflow": workflow}
    return [one for one in found if one["runbook"] == RUNBOOK and one["parameters"] == wanted]


def whole(stack: WholeStack, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.call("GET", "receiver", f"/api/monitoring/runbooks/runs/{run_id}").json()
    return found


def log(stack: WholeStack, incident_id: str) -> list[str]:
    timeline = stack.call("GET", "receiver", f"/api/monitoring/incidents/{incident_id}/timeline").json()["timeline"]
    return [one["kind"] for one in timeline]


def test_a_fault_is_healed_and_the_alert_stays_clear_with_no_hand(whole_stack: WholeStack) -> None:
    stack = whole_stack
    stack.call("POST", "demo", "/faults", json={"fault": "failing", "workflow": "timeline", "region": "los_angeles"})

    wait_until(lambda: bool(runs(stack, "los_angeles", "timeline")), 60)
    (run,) = runs(stack, "los_angeles", "timeline")
    wait_until(lambda: whole(stack, run["id"])["state"] == "verifying", 30)
    assert stack.call("GET", "demo", "/faults").json()["faults"] == [], "the runbook ended it, nobody else did"
    wait_until(lambda: whole(stack, run["id"])["state"] == "mended", 240)

    incident = stack.incident(run["incidentId"])
    assert incident["status"] == "resolved"
    assert incident["resolved_by"] == "alertmanager"
    told = [kind for kind in log(stack, run["incidentId"]) if kind in {"opened", "alert_resolved"} or "runbook" in kind]
    assert told[0] == "opened"
    assert told[-1] == "runbook_ended"
    assert {"runbook_started", "runbook_step", "runbook_verifying"} <= set(told)
    assert stack.pages("timeline is failing in los_angeles"), "people were told all the same, at once"


def test_where_somebody_marries_it_asks_first_and_heals_when_a_person_says_yes(whole_stack: WholeStack) -> None:
    stack = whole_stack
    stack.call("POST", "demo", "/faults", json={"fault": "failing", "workflow": "messaging", "region": "sydney"})

    wait_until(lambda: bool(runs(stack, "sydney", "messaging")), 60)
    (run,) = runs(stack, "sydney", "messaging")
    assert run["state"] == "awaiting_approval"
    wait_until(lambda: bool(stack.pages(f"Approve runbook {RUNBOOK} (run {run['id']})")), 30)
    assert len(stack.call("GET", "demo", "/faults").json()["faults"]) == 1

    stack.call(
        "POST",
        "receiver",
        f"/api/monitoring/runbooks/runs/{run['id']}/approve",
        "responder",
        json={"by": "ines", "plan": run["planDigest"]},
    )
    wait_until(lambda: whole(stack, run["id"])["state"] == "mended", 240)
    assert stack.call("GET", "demo", "/faults").json()["faults"] == []
    assert stack.incident(run["incidentId"])["status"] == "resolved"
    assert "runbook_approved" in log(stack, run["incidentId"])
