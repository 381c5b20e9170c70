"""Policies of every shape: several people, empty steps, no repeat, a snapshot, levels that count on."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cast import SATURDAY
from tests.receiver import Desk, open_desk

REPORT = {"title": "Couples cannot upload photos", "service": "photos", "affects": ["photo_upload"], "region": "london"}
Open = Callable[[Mapping[str, Any]], AbstractContextManager[Desk]]


def policy(*steps: tuple[str, list[str]], **more: Any) -> dict[str, Any]:
    return {"steps": [{"after": after, "roles": roles} for after, roles in steps], **more}


def with_policy(standard: Mapping[str, Any], **more: Any) -> dict[str, str]:
    """The environment that makes `standard` every incident's policy."""
    return {
        "WEDSYNC__ESCALATION__POLICIES__STANDARD": json.dumps(standard),
        "WEDSYNC__ESCALATION__ROUTES": '[{"policy": "standard"}]',
        **{f"WEDSYNC__{key.upper()}": json.dumps(value) for key, value in more.items()},
    }


@pytest.fixture
def open_with(tmp_path: Path, database_url: str) -> Open:
    return lambda changes: open_desk(tmp_path, database_url, SATURDAY, changes)


def report(desk: Desk) -> None:
    assert desk.post("/incidents", REPORT).status_code == 201
    desk.turn()


def told_in(desk: Desk, minutes: float) -> list[str]:
    """Let time pass; return who was told meanwhile."""
    desk.pager.forget()
    desk.pass_minutes(minutes)
    return desk.pager.people()


FOUR = policy(
    ("0s", ["on_call_engineer"]),
    ("2m", ["team_lead"]),
    ("6m", ["platform_lead"]),
    ("7m", ["cto"]),
    repeat_every=None,
    acknowledgements_needed=2,
    acknowledgement_expires="20m",
)


def test_a_policy_of_four_steps_wants_two_people_and_tells_the_emergency_role_once(open_with: Open) -> None:
    with open_with(with_policy(FOUR)) as desk:
        report(desk)
        assert desk.pager.people() == ["noor"]
        assert told_in(desk, 1.8) == []
        assert told_in(desk, 0.2) == ["tomasz"]
        assert told_in(desk, 4) == ["ines"]
        assert told_in(desk, 1) == ["grace"]
        assert told_in(desk, 14.8) == []
        assert told_in(desk, 0.2) == ["grace", "ines"], "exhausted: the emergency role"
        assert told_in(desk, 120) == [], "once"
        assert desk.get("/incidents/1")["next_escalation_at"] is None


def test_escalation_goes_on_until_enough_different_people_have_it(open_with: Open) -> None:
    with open_with(with_policy(FOUR)) as desk:
        report(desk)
        first = desk.post("/incidents/1/acknowledge", {"by": "noor"}).get_json()
        again = desk.post("/incidents/1/acknowledge", {"by": "noor"}).get_json()
        assert (first["status"], first["acknowledgements"], first["acknowledgementsNeeded"]) == ("open", 1, 2)
        assert (again["status"], again["acknowledgements"]) == ("open", 1), "one person twice is one person"
        assert told_in(desk, 2) == ["tomasz"]

        enough = desk.post("/incidents/1/acknowledge", {"by": "tomasz"}).get_json()
        assert (enough["status"], enough["acknowledgements"]) == ("investigating", 2)
        assert told_in(desk, 19.8) == []
        assert told_in(desk, 0.2) == ["noor"], "their acknowledgement has expired, and both are asked anew"
        assert desk.post("/incidents/1/acknowledge", {"by": "tomasz"}).get_json()["status"] == "open"

        shown = desk.get("/incidents/1")["acknowledgements"]
        assert [(one["person"], one["cycle"]) for one in shown] == [("noor", 0), ("tomasz", 0), ("tomasz", 1)]


def test_pages_that_wait_are_withdrawn_only_when_enough_people_have_it(open_with: Open) -> None:
    with open_with(with_policy(FOUR)) as desk:
        desk.post("/incidents", REPORT)
        desk.post("/incidents/1/escalate")  # queued; the ticker has not turned yet
        desk.post("/incidents/1/acknowledge", {"by": "ines"})
        assert {page["state"] for page in desk.get("/incidents/1")["notifications"]} == {"queued"}
        desk.post("/incidents/1/acknowledge", {"by": "grace"})
        assert {page["state"] for page in desk.get("/incidents/1")["notifications"]} == {"cancelled"}


def test_whoever_has_it_already_is_not_asked_again_while_others_are(open_with: Open) -> None:
    two = policy(("0s", ["on_call_engineer"]), ("5m", ["all_hands"]), acknowledgements_needed=2)
    with open_with(with_policy(two)) as desk:
        report(desk)
        desk.post("/incidents/1/acknowledge", {"by": "noor"})
        assert told_in(desk, 5) == ["grace", "ines", "tomasz"]


def test_a_step_that_tells_nobody_is_not_waited_for(open_with: Open) -> None:
    empty_first = policy(("0s", ["night_shift"]), ("10m", ["team_lead"]), ("30m", ["platform_lead"]))
    with open_with(with_policy(empty_first, roles__night_shift=[])) as desk:
        report(desk)
        assert desk.pager.people() == ["tomasz"], "at once, not in ten minutes"
        assert desk.get("/incidents/1")["current_escalation_level"] == 2
        assert told_in(desk, 19.8) == []
        assert told_in(desk, 0.2) == ["ines"], "and from there the policy keeps its distances"
        kinds = [one["kind"] for one in desk.get("/incidents/1")["updates"]]
        assert kinds.count("nobody_reachable") == 1


def test_where_all_steps_are_empty_the_emergency_role_is_told_at_once(open_with: Open) -> None:
    nobody = policy(("0s", ["night_shift"]), ("10m", ["night_shift"]), repeat_every="20m")
    with open_with(with_policy(nobody, roles__night_shift=[])) as desk:
        report(desk)
        assert desk.pager.people() == ["grace", "ines"]
        assert told_in(desk, 19.8) == []
        assert told_in(desk, 0.2) == ["grace", "ines"], "and again, as the policy repeats"


def test_levels_count_on_past_the_last_step_so_that_two_clicks_stay_one(open_with: Open) -> None:
    with open_with({}) as desk:
        report(desk)
        for level in range(1, 6):
            first = desk.post("/incidents/1/escalate", {"currentLevel": level}).get_json()
            second = desk.post("/incidents/1/escalate", {"currentLevel": level}).get_json()
            assert (first["escalated"], first["escalationLevel"], first["notificationsSent"]) == (True, level + 1, True)
            assert (first["repeated"], second["repeated"]) == (False, True), level
            assert (second["escalationLevel"], second["notificationsQueued"]) == (level + 1, 0)
        ahead = desk.post("/incidents/1/escalate", {"currentLevel": 9})
        assert (ahead.status_code, "is at level 6, not 9" in ahead.get_json()["detail"]) == (409, True)


def test_a_running_incident_keeps_the_policy_it_opened_with(tmp_path: Path, database_url: str) -> None:
    slow = policy(("0s", ["on_call_engineer"]), ("10m", ["team_lead"]))
    fast = policy(("0s", ["on_call_engineer"]), ("1m", ["cto"]))
    with open_desk(tmp_path, database_url, SATURDAY, with_policy(slow)) as before:
        report(before)
    with open_desk(tmp_path, database_url, SATURDAY, with_policy(fast)) as after:
        assert told_in(after, 9.8) == []
        assert told_in(after, 0.2) == ["tomasz"]
        assert [step["after"] for step in after.get("/incidents/1")["escalation_steps"]] == [0, 600]
        report(after)
        assert told_in(after, 1) == ["grace"], "a new one follows the new policy"


def test_after_an_outage_one_overdue_step_is_taken_at_once_and_the_others_keep_their_distance(open_with: Open) -> None:
    with open_with({}) as desk:
        report(desk)
        desk.pager.forget()
        desk.clock.advance(timedelta(hours=2))  # nobody turned the ticker
        desk.turn()
        assert desk.pager.people() == ["grace", "ines"], "the five-minute step, and not the others with it"
        assert told_in(desk, 9.8) == []
        assert told_in(desk, 0.2) == ["grace", "ines", "noor", "tomasz"]


def test_a_wedding_from_noon_to_night_with_nobody_answering(tmp_path: Path, database_url: str) -> None:
    """Ten hours: two steps, then all hands every ten minutes, to the end and evenly."""
    noon = datetime(2026, 6, 13, 12, 0, tzinfo=UTC)
    with open_desk(tmp_path, database_url, noon, {}) as desk:
        sent: list[tuple[int, str]] = []
        desk.pager.answer = lambda envelope: sent.append(
            (round((desk.clock.now() - noon).total_seconds()), envelope.person)
        )
        desk.post("/incidents", REPORT)
        desk.turn()
        for _ in range(10 * 12):
            desk.clock.advance(seconds=300)
            desk.turn()

        hands = ["grace", "ines", "noor", "tomasz"]
        expected = [(0, person) for person in ("ines", "noor")] + [(300, person) for person in ("grace", "ines")]
        expected += [(moment, person) for moment in range(900, 10 * 3600 + 1, 600) for person in hands]
        assert sorted(sent) == sorted(expected)


def test_the_standard_policy_to_its_end_and_beyond(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    desk.post("/incidents", {**REPORT, "severity": "critical"})
    desk.turn()
    assert desk.pager.people() == ["noor"], "immediate: on-call engineer"
    # After 10 minutes the team lead, after 30 the platform lead, and her again every 30 minutes.
    for pause, told in ((10, ["tomasz"]), (20, ["ines"]), (30, ["ines"]), (30, ["ines"])):
        assert told_in(desk, pause - 1 / 6) == []
        assert told_in(desk, 1 / 6) == told
    subjects = [envelope.page.subject.split(" ")[0] for envelope in desk.pager.envelopes]
    assert subjects == ["AGAIN"]


policies = st.lists(st.integers(1, 12), max_size=4).map(
    lambda gaps: [sum(gaps[:count]) for count in range(len(gaps) + 1)]
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=policies,
    repeat=st.none() | st.integers(1, 9),
    needed=st.integers(1, 3),
    acknowledgements=st.lists(st.tuples(st.integers(1, 8), st.sampled_from(["noor", "ines", "grace"])), max_size=4),
)
def test_nobody_is_told_twice_of_one_step_and_the_times_are_the_policys(
    tmp_path_factory: pytest.TempPathFactory,
    minutes: list[int],
    repeat: int | None,
    needed: int,
    acknowledgements: list[tuple[int, str]],
) -> None:
    written = policy(
        *[(f"{minute * 60}s", ["all_hands"]) for minute in minutes],
        repeat_every=f"{repeat}m" if repeat else None,
        acknowledgements_needed=needed,
        acknowledgement_expires=None,
    )
    folder = tmp_path_factory.mktemp("policy")
    with open_desk(folder, f"sqlite:///{folder / 'x.db'}", SATURDAY, with_policy(written)) as desk:
        told: list[tuple[timedelta, str, int]] = []
        desk.pager.answer = lambda envelope: told.append(
            (desk.clock.now() - SATURDAY, envelope.person, envelope.page.escalation_level)
        )
        report(desk)
        holders: set[str] = set()
        stopped = None
        for wait, person in acknowledgements:
            desk.pass_minutes(wait)
            desk.post("/incidents/1/acknowledge", {"by": person})
            holders.add(person)
            if len(holders) >= needed and stopped is None:
                stopped = desk.clock.now() - SATURDAY
        desk.pass_minutes(5)

        assert len(told) == len({(person, level) for _, person, level in told}), "each person once for each step"
        due = [timedelta(minutes=minute) for minute in minutes]
        while repeat and due[-1] <= desk.clock.now() - SATURDAY:
            due.append(due[-1] + timedelta(minutes=repeat))
        if not repeat:
            due.append(due[-1] + timedelta(minutes=15))
        for moment, _, level in told:
            assert moment == due[level - 1], "each step at its own minute"
            assert stopped is None or moment <= stopped, "and none after enough people have it"
        last = stopped or desk.clock.now() - SATURDAY
        expected = {
            level for level, moment in enumerate(due, start=1) if moment < last or (moment <= last and not stopped)
        }
        assert {level for _, _, level in told} >= expected, "no step is left out"
