"""Runbooks on a desk: started by an incident or by hand, through the gates, step by step, to a proven end."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cast import SATURDAY, TUESDAY
from tests.fakes import HttpSink, Received
from tests.receiver import Desk, alert, open_desk
from wedsync_core.season import RegionFacts

MEND = """
name: mend
summary: Restart the service of one workflow
match: {alertname: WorkflowFailing}
start: automatic
environments: [production]
parameters:
  workflow: {label: workflow, choices: [photo_upload, booking]}
  region: {label: region, pattern: "[a-z_]{1,40}"}
steps:
  - {do: call, endpoint: restart, with: {workflow: "${workflow}"}}
verify: {clear_for: 1m, within: 5m}
"""
ENDPOINTS = """
restart:
  method: POST
  base: %s
  path: /restart/${workflow}
  parameters: {workflow: {pattern: "[a-z_]+"}}
"""


class Room:
    """A desk whose runbooks are a test's own, and what they may call."""

    def __init__(self, desk: Desk, sink: HttpSink) -> None:
        self.desk = desk
        self.sink = sink

    def turn(self) -> None:
        """Let the runbooks work until nothing is due, and then the pages."""
        while self.desk.receiver.runbooks.turn():
            assert self.desk.receiver.runbooks.wait_until_idle(20)
        self.desk.turn()

    def pass_seconds(self, seconds: int) -> None:
        for _ in range(0, seconds, 10):
            self.desk.clock.advance(seconds=10)
            self.turn()

    def runs(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.desk.get(f"/runbooks/runs{query}")["runs"]
        return found

    def run(self) -> dict[str, Any]:
        """The latest run, whole."""
        whole: dict[str, Any] = self.desk.get(f"/runbooks/runs/{self.runs()[0]['id']}")
        return whole

    def log(self, incident_id: int = 1) -> list[str]:
        return [one["kind"] for one in self.desk.get(f"/incidents/{incident_id}/timeline")["timeline"]]

    def fail(self, region: str = "london", workflow: str = "booking", status: str = "firing") -> None:
        """Booking fails, or is well again."""
        started = self.desk.clock.now() if status == "firing" else TUESDAY
        one = alert(
            status=status,
            starts_at=started,
            ends_at=None if status == "firing" else self.desk.clock.now(),
            severity="critical",
            service="booking",
            type="service_failure",
            affects=workflow,
            workflow=workflow,
            region=region,
        )
        assert self.desk.alerts(one).status_code == 200


Open = Callable[..., Room]


@pytest.fixture
def open_room(tmp_path: Path, database_url: str) -> Iterator[Open]:
    opened: list[Any] = []

    def make(*pages: str, start: Any = TUESDAY, **settings: str) -> Room:
        folder = tmp_path / "pages"
        folder.mkdir()
        for number, front in enumerate(pages):
            (folder / f"Page{number}.md").write_text(f"---\n{textwrap.dedent(front).strip()}\n---\n\n# Page{number}\n")
        sink = HttpSink().__enter__()
        changes = {
            "WEDSYNC__RUNBOOKS__FOLDER": str(folder),
            "WEDSYNC__RUNBOOKS__ENDPOINTS": ENDPOINTS % sink.url,
            **{f"WEDSYNC__RUNBOOKS__{name.upper()}": value for name, value in settings.items()},
        }
        manager = open_desk(tmp_path, database_url, start, changes)
        opened.extend((manager, sink))
        room = Room(manager.__enter__(), sink)
        room.desk.pager.envelopes.clear()
        return room

    yield make
    for one in opened:
        one.__exit__(None, None, None)


def test_an_incident_starts_it_and_the_alert_that_stays_clear_ends_it(open_room: Open) -> None:
    room = open_room(MEND)
    room.fail()
    room.turn()
    assert [request.path for request in room.sink.received] == ["/restart/booking"]
    assert room.run()["state"] == "verifying"
    room.pass_seconds(30)
    room.fail(status="resolved")
    room.turn()
    assert room.run()["state"] == "verifying", "cleared, but for how long?"
    room.pass_seconds(70)
    run = room.run()
    assert (run["state"], run["reason"]) == ("mended", "stayed_clear")
    assert [one["gate"] for one in run["gates"][0]["gates"]][:3] == ["kill_switch", "freeze", "environment"]
    assert [kind for kind in room.log() if kind.startswith("runbook")] == [
        "runbook_requested",
        "runbook_started",
        "runbook_step",
        "runbook_verifying",
        "runbook_ended",
    ]
    assert room.desk.metric("wedsync_runbook_runs_total", state="mended") == 1.0


def test_what_goes_on_firing_is_not_mended_and_people_are_told(open_room: Open) -> None:
    room = open_room(MEND)
    room.fail()
    room.turn()
    room.pass_seconds(310)
    assert room.run()["state"] == "not_mended"
    assert any("did not mend it" in one.page.subject for one in room.desk.pager.envelopes)
    assert len(room.sink.received) == 1, "and nothing was tried again"


def test_one_incident_starts_it_once_a_target(open_room: Open) -> None:
    room = open_room(MEND)
    room.fail()
    room.turn()
    room.fail()
    room.turn()
    assert len(room.runs()) == 1
    room.fail(region="sydney")
    room.turn()
    states = {run["parameters"]["region"]: (run["state"], run["reason"]) for run in room.runs()}
    assert states["sydney"] == ("refused", "maximum_targets: too_many_targets (2 in this incident)")


def test_while_weddings_are_live_it_asks_and_begins_when_another_person_says_yes(open_room: Open) -> None:
    room = open_room(MEND + "gates: {during_weddings: ask}\n", start=SATURDAY)
    starting = room.desk.receiver.runbooks._runbooks._starting
    calendar = starting._calendar

    def somebody_marries_in_london(now: datetime) -> dict[str, RegionFacts]:
        facts = dict(calendar(now))
        return {**facts, "london": replace(facts["london"], weddings_in_progress=1)}

    starting._calendar = somebody_marries_in_london
    room.fail(region="new_york", workflow="photo_upload")
    room.turn()
    assert room.run()["state"] == "verifying", "nobody marries there"
    room.fail(region="london", workflow="booking")
    room.turn()
    run = room.run()
    assert run["state"] == "awaiting_approval"
    path = f"/runbooks/runs/{run['id']}/approve"
    assert room.desk.post(path, {"by": "ines", "plan": run["planDigest"]}).get_json()["state"] == "ready"
    room.turn()
    assert room.run()["state"] == "verifying"
    assert [request.path for request in room.sink.received] == ["/restart/photo_upload", "/restart/booking"]


def test_while_weddings_are_live_others_are_frozen(open_room: Open) -> None:
    room = open_room(MEND, start=SATURDAY)
    starting = room.desk.receiver.runbooks._runbooks._starting
    calendar = starting._calendar
    starting._calendar = lambda now: {
        name: replace(facts, weddings_in_progress=1) for name, facts in calendar(now).items()
    }
    room.fail()
    room.turn()
    assert (room.run()["state"], room.run()["reason"]) == ("refused", "freeze: weddings_live (london)")


def test_a_run_waits_for_people_other_than_who_asked(open_room: Open) -> None:
    approved = MEND.replace("automatic", "by_hand") + "gates: {approval: {people: 2, within: 10m}}\n"
    room = open_room(approved)
    room.fail()
    room.turn()
    body = {"parameters": {"workflow": "booking", "region": "london"}, "incidentId": "1", "by": "noor"}
    made = room.desk.post("/runbooks/mend/runs", body, headers={"Idempotency-Key": "k1"})
    assert (made.status_code, made.get_json()["state"]) == (201, "awaiting_approval")
    again = room.desk.post("/runbooks/mend/runs", body, headers={"Idempotency-Key": "k1"})
    assert again.get_json()["id"] == made.get_json()["id"]
    path, plan = f"/runbooks/runs/{made.get_json()['id']}/approve", made.get_json()["planDigest"]
    assert room.desk.post(path, {"by": "noor", "plan": plan}).status_code == 409
    assert room.desk.post(path, {"by": "ines", "plan": "another"}).status_code == 409
    assert room.desk.post(path, {"by": "mallory", "plan": plan}).status_code == 422
    assert room.desk.post(path, {"by": "ines", "plan": plan}, role="viewer").status_code == 403
    assert room.desk.post(path, {"by": "ines", "plan": plan}).get_json()["state"] == "awaiting_approval"
    assert room.desk.post(path, {"by": "ines", "plan": plan}).get_json()["state"] == "awaiting_approval", (
        "one voice each"
    )
    room.turn()
    assert room.sink.received == []
    assert room.desk.post(path, {"by": "tomasz", "plan": plan}).get_json()["state"] == "ready"
    room.turn()
    assert len(room.sink.received) == 1
    assert [one["person"] for one in room.run()["approvals"]] == ["ines", "tomasz"]
    assert any("Approve runbook mend" in one.page.subject for one in room.desk.pager.envelopes)


def test_nobody_says_anything_and_the_wish_expires(open_room: Open) -> None:
    room = open_room(MEND + "gates: {approval: {within: 10m}}\n")
    room.fail()
    room.turn()
    assert room.run()["state"] == "awaiting_approval"
    room.pass_seconds(610)
    assert room.run()["state"] == "expired"
    assert room.sink.received == []


def test_it_is_rejected(open_room: Open) -> None:
    room = open_room(MEND + "gates: {approval: {}}\n")
    room.fail()
    room.turn()
    answer = room.desk.post(f"/runbooks/runs/{room.run()['id']}/reject", {"by": "ines", "note": "not now"})
    assert (answer.get_json()["state"], answer.get_json()["reason"]) == ("rejected", "not now")
    room.turn()
    assert room.sink.received == []


def test_the_kill_switch_stops_everything_at_once(open_room: Open) -> None:
    waits = MEND.replace("steps:", "steps:\n  - {do: wait_until, query: ready, within: 5m}")
    room = open_room(waits)
    room.fail()
    room.turn()
    off = room.desk.call("PUT", "/runbooks/switch", json={"enabled": False, "reason": "roll-back", "by": "ines"})
    assert off.get_json() == {"enabled": False, "switchedOff": "ines: roll-back"}
    room.pass_seconds(20)
    assert (room.run()["state"], room.run()["reason"]) == ("stopped", "kill_switch: ines: roll-back")
    room.fail(workflow="photo_upload")
    room.turn()
    assert room.run()["state"] == "refused"
    assert room.sink.received == []
    room.desk.call("PUT", "/runbooks/switch", json={"enabled": True, "reason": "done"})
    assert room.desk.get("/runbooks")["enabled"] is True


def test_a_dry_run_shows_and_does_nothing_and_a_run_may_need_it(open_room: Open) -> None:
    room = open_room(MEND.replace("automatic", "by_hand") + "gates: {dry_run: true}\n")
    body: dict[str, Any] = {"parameters": {"workflow": "booking", "region": "london"}}
    refused = room.desk.post("/runbooks/mend/runs", body)
    assert refused.get_json()["reason"] == "dry_run: not_shown"
    shown = room.desk.post("/runbooks/mend/runs", {**body, "dryRun": True}).get_json()
    assert shown["state"] == "shown"
    assert shown["plan"][0]["url"] == f"{room.sink.url}/restart/booking"
    assert [one["verdict"] for one in shown["gates"][0]["gates"]][:8] == ["passed"] * 8
    room.turn()
    assert room.sink.received == []
    assert room.desk.post("/runbooks/mend/runs", {**body, "plan": shown["planDigest"]}).get_json()["state"] == "ready"
    room.turn()
    assert room.run()["state"] == "done", "no alert to look at"
    cooling = room.desk.post("/runbooks/mend/runs", {**body, "plan": shown["planDigest"]}).get_json()
    assert cooling["reason"].startswith("cooldown: cooling_down")


def test_a_failed_step_ends_it_and_two_open_the_breaker(open_room: Open) -> None:
    room = open_room(MEND.replace("automatic", "by_hand") + "gates: {cooldown: 0s}\n")
    room.sink.answer = 500
    for _ in range(2):
        room.desk.post("/runbooks/mend/runs", {"parameters": {"workflow": "booking", "region": "london"}})
        room.turn()
        assert (room.run()["state"], room.run()["reason"]) == ("failed", "step 1: unexpected_status")
    third = room.desk.post("/runbooks/mend/runs", {"parameters": {"workflow": "booking", "region": "london"}})
    assert third.get_json()["reason"].startswith("circuit_breaker: open")
    assert room.desk.metric("wedsync_runbook_runs_ended_lately", state="failed") == 2.0
    assert room.desk.metric("wedsync_runbook_refusals_total", gate="circuit_breaker") == 1.0


STEPS = """
name: steps
summary: One of each
match: {alertname: WorkflowFailing}
start: automatic
environments: [production]
steps:
  - {do: check, query: failures, compare: ">", value: 2}
  - {do: silence, matchers: {alertname: WorkflowSlow}, duration: 10m, comment: being mended}
  - {do: notify, roles: [team_lead], message: on it}
  - {do: wait_until, query: calm, compare: "==", value: 1, within: 1m, every: 10s}
  - {do: ask, question: "Is it well?", answers: ["yes", "no"], go_on: "yes", within: 5m}
  - {do: expire_silence, step: 2}
  - {do: program, program: say}
"""


def test_every_kind_of_step(open_room: Open) -> None:
    room = open_room(STEPS, programs='{say: {argv: [/bin/echo, "hello"]}}')
    upstream = room.desk.upstream
    upstream.prometheus.answers["failures"] = [3.0, 7.0]
    room.fail()
    room.turn()
    assert room.run()["state"] == "ready", "it waits, in nobody's hand"
    (silence,) = upstream.alertmanager.known_silences.values()
    assert silence.state == "active"
    assert "tomasz" in room.desk.pager.people(), "the team lead"
    upstream.prometheus.answers["calm"] = [1.0]
    room.pass_seconds(10)
    run = room.run()
    assert run["state"] == "asking"
    path = f"/runbooks/runs/{run['id']}/answer"
    assert room.desk.post(path, {"by": "noor", "answer": "perhaps"}).status_code == 422
    assert room.desk.post(path, {"by": "noor", "answer": "yes"}).status_code == 200
    room.turn()
    run = room.run()
    assert [step["state"] for step in run["steps"]] == ["done"] * 7
    assert run["steps"][6]["output"] == "hello\n"
    (silence,) = upstream.alertmanager.known_silences.values()
    assert silence.state == "expired"
    assert run["state"] == "verifying"


def test_a_check_may_say_that_nothing_is_to_be_done(open_room: Open) -> None:
    unneeded = MEND.replace("steps:", "steps:\n  - {do: check, query: failures, otherwise: not_needed}")
    room = open_room(unneeded)
    room.desk.upstream.prometheus.answers["failures"] = [0.0]
    room.fail()
    room.turn()
    assert room.run()["state"] == "not_needed"
    assert room.sink.received == []


def test_a_wait_has_an_end(open_room: Open) -> None:
    room = open_room(MEND.replace("steps:", "steps:\n  - {do: wait_until, query: calm, within: 1m}"))
    room.fail()
    room.turn()
    room.pass_seconds(80)
    assert (room.run()["state"], room.run()["reason"]) == ("failed", "step 1: waited_too_long")


def test_a_broken_page_costs_no_other_and_says_where(open_room: Open) -> None:
    broken = MEND.replace("name: mend", "name: broken").replace("do: call, endpoint", "do: call, endpiont")
    room = open_room(broken, MEND)
    shown = room.desk.get("/runbooks")
    assert [one["name"] for one in shown["runbooks"]] == ["mend"]
    assert "Page0.md: steps.0.endpiont: unknown key" in shown["broken"]["Page0.md"]
    assert room.desk.metric("wedsync_runbooks_broken") == 1.0
    assert room.desk.get("/runbooks/mend")["body"] == "# Page1\n"


def test_labels_that_attack_are_refused_and_called_nowhere(open_room: Open) -> None:
    room = open_room(MEND)
    for region in ("$(touch canary)", "a; touch canary", "../..", "x\ny", "%0d%0aX: y", "http://evil/", "{{ 1 }}"):
        room.fail(region=region)
        room.turn()
    assert room.sink.received == []
    assert {run["state"] for run in room.runs()} <= {"refused"}
    assert "parameters: not_usable" in room.runs()[0]["reason"]


def test_a_maintenance_window_keeps_machines_away_too(open_room: Open) -> None:
    room = open_room(MEND)
    window = {"ends_at": "2026-01-13T11:00:00Z", "match": {"service": "booking"}, "up_to": "critical", "reason": "x"}
    assert room.desk.post("/maintenance", window).status_code == 201
    room.fail()
    room.turn()
    assert room.runs() == []


def test_a_runbook_that_hangs_delays_no_page(open_room: Open) -> None:
    room = open_room(MEND)
    go_on = threading.Event()

    def hang(_request: Received) -> tuple[int, dict[str, str], bytes]:
        go_on.wait(20)
        return 200, {}, b"{}"

    room.sink.answer = hang
    room.fail()
    room.desk.receiver.runbooks.turn()
    room.desk.turn()
    told = room.desk.pager.people()
    go_on.set()
    assert "noor" in told or "tomasz" in told, "the on-call engineer is told while the call hangs"
    assert room.desk.receiver.runbooks.wait_until_idle(20)


def test_a_lost_runner_leaves_unknown_and_nothing_is_done_again(open_room: Open) -> None:
    room = open_room(MEND)
    pipeline = room.desk.receiver.runbooks
    room.fail()
    room.desk.turn()
    pipeline._runbooks.find()
    (claim,) = pipeline._carrying.claim(4)
    assert pipeline._carrying._begin(claim, stopping=False) is not None  # written, and then the power goes
    room.desk.clock.advance(seconds=30)
    room.turn()
    run = room.run()
    assert (run["state"], run["reason"]) == ("unknown", "the runner was lost in step 1")
    assert "runbook_unknown" in room.log()
    assert any("nobody knows what it did" in one.page.subject for one in room.desk.pager.envelopes)
    room.pass_seconds(120)
    assert len(room.runs()) == 1
    assert room.sink.received == []
    assert not pipeline._carrying.renew(claim), "a runner that wakes up too late is refused"
