"""Groups through their lives, as people and machines turn them, on both databases."""

from typing import Any

from tests.error_desk import ErrorDesk, harmless, lost_photo
from tests.fakes import FakeAlertmanager
from wedsync_core.web.auth import Role

HOUR, DAY = 3_600, 86_400


def do(desk: ErrorDesk, what: str, group: str, *, key: str | None = None, **order: Any) -> Any:
    environ = {"HTTP_IDEMPOTENCY_KEY": key} if key else {}
    answer = desk.call("POST", f"/groups/{group}/{what}", Role.RESPONDER, json=order, environ_base=environ)
    return answer.get_json() | {"code": answer.status_code}


def group_of(desk: ErrorDesk, **members: Any) -> str:
    answer = desk.report(lost_photo(**members)).get_json()
    return str(answer["groupId"])


def status(desk: ErrorDesk, group: str) -> str:
    return str(desk.get(f"/groups/{group}")["status"])


def test_a_group_is_new_for_a_day_and_each_turn_says_who_when_and_why(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    group = group_of(desk, release="2.1.0")
    assert status(desk, group) == "new"
    desk.clock.advance(seconds=DAY)
    desk.keeper.turn()
    assert status(desk, group) == "ongoing"
    done = do(desk, "resolve", group, by="noor", reason="storage was full")
    assert (done["resolved"], done["status"], done["release"]) == (True, "resolved", "2.1.0")
    last, first = desk.get(f"/groups/{group}")["turns"]
    assert (last["turn"], last["by"], last["reason"], last["how"]) == ("resolved", "noor", "storage was full", "now")
    assert (first["turn"], first["by"]) == ("aged", "monitoring")
    assert desk.metric("wedsync_error_group_turns_total", {"turn": "resolved"}) == 1
    assert desk.metric("wedsync_error_groups", {"state": "resolved"}) == 1


def test_an_old_release_or_a_late_report_never_reopens_and_a_new_one_does(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    group = group_of(desk, release="2.0.0")
    group_of(desk, release="2.1.0")
    earlier = desk.clock.now().isoformat()
    desk.clock.advance(seconds=60)
    do(desk, "resolve", group)
    desk.clock.advance(seconds=60)
    group_of(desk, release="2.0.0")
    group_of(desk, release="2.1.0", timestamp=earlier)
    assert status(desk, group) == "resolved"
    group_of(desk, release="2.1.0")
    told = desk.get(f"/groups/{group}")
    assert told["status"] == "regressed"
    assert told["turns"][0]["reason"] == "again in release 2.1.0"
    assert desk.metric("wedsync_error_group_turns_total", {"turn": "regressed"}) == 1


def test_mended_in_the_next_release(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    group = group_of(desk, release="2.1.0")
    desk.clock.advance(seconds=60)
    do(desk, "resolve", group, how="next_release")
    desk.clock.advance(seconds=60)
    group_of(desk, release="2.1.0")
    assert status(desk, group) == "resolved"
    group_of(desk, release="2.1.1")
    assert status(desk, group) == "regressed"


def test_a_muted_group_raises_no_alarm_until_it_gets_graver(
    tuesday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    desk = tuesday_desk
    group = group_of(desk)
    desk.pass_seconds(1)
    assert do(desk, "mute", group, errors=3, by="noor")["alarmsEnded"] == 1
    desk.pass_seconds(1)
    assert desk.metric("wedsync_alarms_active") == 0
    group_of(desk)
    desk.pass_seconds(1)
    assert desk.metric("wedsync_alarms_active") == 0
    desk.clock.advance(seconds=4 * DAY)  # Saturday: the same loss is critical now
    group_of(desk)
    desk.pass_seconds(1)
    assert desk.metric("wedsync_alarms_active") == 1
    group_of(desk)
    assert status(desk, group) != "muted"
    assert desk.get(f"/groups/{group}")["turns"][0]["reason"] == "it has had 4 errors"


def test_a_mute_ends_in_time_and_by_users(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    one, other = group_of(desk), group_of(desk, error_type="AlbumLost")
    assert do(desk, "mute", one, until=desk.clock.now().isoformat())["code"] == 422
    later = desk.clock.now().replace(hour=23).isoformat()
    assert do(desk, "mute", one, until=later)["status"] == "muted"
    assert do(desk, "mute", other, users=2)["status"] == "muted"
    desk.clock.advance(seconds=60)
    group_of(desk, error_type="AlbumLost", user_context={"user_id": 1})
    group_of(desk, error_type="AlbumLost", user_context={"user_id": 1})
    assert status(desk, other) == "muted"
    group_of(desk, error_type="AlbumLost", user_context={"user_id": 2})
    assert status(desk, other) != "muted"
    assert status(desk, one) == "muted"
    desk.clock.advance(seconds=DAY)
    desk.keeper.turn()
    assert status(desk, one) != "muted"


def test_merged_groups_are_one_for_what_was_and_what_comes_and_can_be_split_again(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    one = group_of(desk, user_context={"user_id": 1, "role": "couple"})
    two = group_of(desk, error_type="PhotoGone", user_context={"user_id": 1, "role": "couple"})
    group_of(desk, error_type="PhotoGone", user_context={"user_id": 2, "role": "photographer"})
    assert do(desk, "merge", one, groups=[two], reason="one bug")["groups"] == [two]
    group_of(desk, error_type="PhotoGone")
    told = desk.get(f"/groups/{one}")
    assert (told["occurrences"], told["mergedGroups"]) == (4, [two])
    assert told["impact"]["affectedUsersByRole"] == {"couple": 1, "supplier": 1}
    assert [group["id"] for group in desk.get("/groups")["groups"]] == [one]
    assert [(entry["key"], entry["count"], entry["users"]) for entry in desk.get("?groupBy=group")["groups"]] == [
        (one, 4, 2)
    ]
    assert do(desk, "resolve", two)["code"] == 409
    do(desk, "resolve", one)
    desk.clock.advance(seconds=60)
    group_of(desk, error_type="PhotoGone")
    assert status(desk, one) == "regressed"
    assert do(desk, "split", one)["groups"] == [two]
    counts = {entry["key"]: entry["count"] for entry in desk.get("?groupBy=group")["groups"]}
    assert counts == {one: 1, two: 4}
    assert do(desk, "split", one)["code"] == 409


def test_a_chain_of_merges_has_one_end(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    a, b, c = (group_of(desk, error_type=name) for name in ("A", "B", "C"))
    do(desk, "merge", b, groups=[c])
    do(desk, "merge", a, groups=[b])
    assert sorted(desk.get(f"/groups/{a}")["mergedGroups"]) == sorted([b, c])
    assert [group["id"] for group in desk.get("/groups")["groups"]] == [a]


def test_a_move_happens_once_for_a_key_and_wrong_ones_are_refused_by_name(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    group = group_of(desk)
    first = do(desk, "resolve", group, key="k-1", by="noor")
    again = do(desk, "resolve", group, key="k-1", by="noor")
    assert first == again
    assert do(desk, "resolve", group, key="k-1", by="tom")["code"] == 409
    assert do(desk, "resolve", group)["code"] == 409
    assert do(desk, "reopen", group)["status"] == "ongoing"
    assert do(desk, "reopen", group)["code"] == 409
    assert do(desk, "unmute", group)["code"] == 409
    assert do(desk, "resolve", "999")["code"] == 404
    assert do(desk, "merge", group, groups=["999"])["code"] == 404
    assert do(desk, "merge", group, groups=[group])["code"] == 422
    for order in ({"how": "in_release"}, {"release": "3"}, {"how": "soon"}, {"bye": 1}):
        assert do(desk, "resolve", group, **order)["code"] == 422
    for role in (Role.VIEWER, Role.INGEST):
        assert desk.call("POST", f"/groups/{group}/resolve", role, json={}).status_code == 403


def test_a_spike_escalates_within_minutes_and_a_usual_saturday_does_not(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    group = str(desk.report(harmless()).get_json()["groupId"])
    for _ in range(24):
        desk.clock.advance(seconds=HOUR)
        desk.report({"errors": [harmless(), harmless()]})
    desk.keeper.turn()
    assert status(desk, group) == "ongoing"
    desk.clock.advance(seconds=600)
    desk.report({"errors": [harmless() for _ in range(60)]})
    desk.keeper.turn()
    told = desk.get(f"/groups/{group}")
    assert told["status"] == "escalating"
    assert told["turns"][0]["turn"] == "escalated"
    (spike,) = desk.get("/trends?timeRange=24h")["spikes"]
    assert (spike["groupId"], spike["errors"]) == (group, 60)
    desk.clock.advance(seconds=1200)
    desk.keeper.turn()
    assert status(desk, group) == "ongoing"
    # A week later the same burst at the same hour is what is to be expected.
    desk.clock.advance(seconds=7 * DAY - 1200)
    desk.report({"errors": [harmless() for _ in range(12)]})
    desk.keeper.turn()
    assert status(desk, group) == "ongoing"
