"""Who is on call: asked, changed for a while, fed to a phone, and told while the database is away."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import icalendar
import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.cast import SATURDAY, TUESDAY
from tests.receiver import Desk, alert, open_desk
from webhook_receiver.oncall.overrides import Overrides
from webhook_receiver.oncall.schedule import Override
from wedsync_core.clock import format_timestamp
from wedsync_core.problems import Unavailable

HAND_OFF = datetime(2026, 6, 15, 8, 0, tzinfo=UTC)
"""Monday 09:00 in London, two days after Priya & Tom's wedding: Noor hands off to Tomasz."""
UPLOADS: dict[str, Any] = {
    "severity": "critical",
    "service": "photos",
    "type": "service_failure",
    "affects": "photo_upload",
}


def stand_in(desk: Desk, **changes: Any) -> TestResponse:
    """Ines stands in for Noor for the evening of the wedding, unless told otherwise."""
    asked = {
        "who": "ines",
        "schedule": "engineers",
        "replaces": "noor",
        "from": format_timestamp(SATURDAY + timedelta(hours=3)),
        "to": format_timestamp(SATURDAY + timedelta(hours=9)),
        "reason": "Noor is a guest",
        **changes,
    }
    return desk.post("/oncall/overrides", {key: value for key, value in asked.items() if value is not ...})


def engineer(desk: Desk, at: datetime | None = None) -> dict[str, Any]:
    picture = desk.get("/oncall" + (f"?at={format_timestamp(at)}" if at else ""))
    (role,) = [role for role in picture["roles"] if role["role"] == "on_call_engineer"]
    assert isinstance(role, dict)
    return role


def on_call(desk: Desk, at: datetime | None = None) -> list[str]:
    return [one["person"] for one in engineer(desk, at)["now"]]


def test_noor_is_on_call_until_monday_and_then_tomasz(saturday_desk: Desk) -> None:
    assert engineer(saturday_desk) == {
        "role": "on_call_engineer",
        "schedule": "engineers",
        "now": [{"person": "noor", "name": "Noor Haddad", "because": "layer fortnights"}],
        "until": "2026-06-15T08:00:00.000Z",
        "next": {
            "people": [{"person": "tomasz", "name": "Tomasz Zielinski", "because": "layer fortnights"}],
            "from": "2026-06-15T08:00:00.000Z",
            "until": "2026-06-29T08:00:00.000Z",
        },
    }


def test_a_role_that_is_a_list_never_changes(saturday_desk: Desk) -> None:
    (cto,) = [role for role in saturday_desk.get("/oncall")["roles"] if role["role"] == "cto"]

    assert cto == {
        "role": "cto",
        "schedule": None,
        "now": [{"person": "grace", "name": "Grace Mbeki", "because": "named in the role"}],
        "until": None,
        "next": None,
    }


def test_another_moment_may_be_asked_about(saturday_desk: Desk) -> None:
    assert on_call(saturday_desk, HAND_OFF - timedelta(seconds=1)) == ["noor"]
    assert on_call(saturday_desk, HAND_OFF) == ["tomasz"]
    assert saturday_desk.get("/oncall?at=2026-06-15T09:00:00+01:00")["at"] == "2026-06-15T08:00:00.000Z"


@pytest.mark.parametrize("moment", ["tomorrow", "2026-06-15", "2026-06-15T09:00:00", "1901-01-01T00:00:00Z", ""])
def test_what_is_no_moment_is_refused(saturday_desk: Desk, moment: str) -> None:
    answer = saturday_desk.call("GET", f"/oncall?at={moment}")

    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "at")


def test_the_shipped_schedule_covers_every_wedding_and_names_its_weak_spots(saturday_desk: Desk) -> None:
    picture = saturday_desk.get("/oncall")

    assert picture["coverage"]["policy"] == "wedding_day"
    assert picture["coverage"]["roles"] == ["on_call_engineer", "platform_lead", "cto", "emergency_contacts"]
    assert picture["coverage"]["windows"] >= 20, "five regions, four Saturdays at least"
    assert picture["coverage"]["uncovered"] == []
    assert {finding["kind"] for finding in picture["findings"]} == {"single_provider"}


# --- standing in


def test_ines_stands_in_and_is_the_one_who_is_paged(saturday_desk: Desk) -> None:
    desk = saturday_desk
    made = stand_in(desk)
    assert made.status_code == 201
    assert on_call(desk) == ["noor"], "not before it begins"
    assert engineer(desk)["next"]["people"][0]["because"] == "override 1 of layer fortnights"

    desk.clock.advance(timedelta(hours=3))
    desk.post("/incidents", {"title": "Bookings fail", "service": "booking"})
    desk.turn()
    assert {page.person for page in desk.console.envelopes} == {"ines"}

    desk.console.forget()
    desk.clock.advance(SATURDAY + timedelta(hours=9) - desk.clock.now())
    desk.post("/incidents", {"title": "Bookings fail again", "service": "booking"})
    desk.turn()
    told = {page.person for page in desk.console.envelopes if "again" in page.page.subject}
    assert told == {"noor"}, "and hands back"


def test_somebody_is_added_for_a_large_wedding(saturday_desk: Desk) -> None:
    desk = saturday_desk
    stand_in(desk, who="tomasz", replaces=None, **{"from": ...})

    assert on_call(desk) == ["noor", "tomasz"]


def test_a_cancelled_override_has_no_effect_and_stays_on_record(saturday_desk: Desk) -> None:
    desk = saturday_desk
    override_id = stand_in(desk).get_json()["id"]
    desk.clock.advance(SATURDAY + timedelta(hours=5) - desk.clock.now())
    assert on_call(desk) == ["ines"]

    cancelled = desk.call("DELETE", f"/oncall/overrides/{override_id}")

    assert (cancelled.status_code, cancelled.get_json()["state"]) == (200, "cancelled")
    assert on_call(desk) == ["noor"]
    assert on_call(desk, SATURDAY + timedelta(hours=4)) == ["ines"], "what has been is not rewritten"
    assert desk.get("/oncall/overrides") == []
    (kept,) = desk.get("/oncall/overrides?state=all")
    assert (kept["reason"], kept["created_by"], kept["state"]) == ("Noor is a guest", "responder", "cancelled")
    again = desk.call("DELETE", f"/oncall/overrides/{override_id}")
    assert again.get_json()["cancelled_at"] == cancelled.get_json()["cancelled_at"], "a second time changes nothing"


def test_overrides_are_listed_with_their_state(saturday_desk: Desk) -> None:
    desk = saturday_desk
    stand_in(desk)
    stand_in(desk, who="tomasz", replaces=None, **{"from": ...}, to=format_timestamp(SATURDAY + timedelta(hours=1)))
    listed = [(one["id"], one["who"], one["state"]) for one in desk.get("/oncall/overrides")]
    assert listed == [("1", "ines", "ahead"), ("2", "tomasz", "in_effect")]

    desk.clock.advance(timedelta(hours=1))

    assert [one["id"] for one in desk.get("/oncall/overrides")] == ["1"]
    assert [one["state"] for one in desk.get("/oncall/overrides?state=all")] == ["ahead", "ended"]
    assert desk.call("DELETE", "/oncall/overrides/2").status_code == 409
    assert desk.call("DELETE", "/oncall/overrides/99").status_code == 404
    assert desk.call("GET", "/oncall/overrides?state=old").get_json()["errors"][0]["field"] == "state"


def test_the_same_override_twice_is_one(saturday_desk: Desk) -> None:
    desk = saturday_desk
    first, again = stand_in(desk), stand_in(desk)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.get_json() == again.get_json()
    assert len(desk.get("/oncall/overrides")) == 1


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"who": "nora"}, "who", "there is no person 'nora'; there is: grace, ines, noor, tomasz"),
        ({"schedule": "designers"}, "schedule", "there is no schedule 'designers'; there is: engineers"),
        ({"replaces": "nora"}, "replaces", "there is no person 'nora'; there is: grace, ines, noor, tomasz"),
        ({"replaces": "ines"}, "replaces", "is the same person"),
        ({"replaces": "grace"}, "replaces", "grace is not on call in engineers in that time"),
        ({"to": format_timestamp(SATURDAY)}, "to", "is not later than from"),
        ({"to": format_timestamp(SATURDAY), "from": ...}, "to", "is in the past"),
        (
            {"from": format_timestamp(SATURDAY - timedelta(hours=1))},
            "from",
            "is in the past: an override changes only what is to come",
        ),
        (
            {"to": format_timestamp(SATURDAY + timedelta(days=31, hours=4))},
            "to",
            "is more than 31 days after from: change the schedule instead",
        ),
        ({"to": "tonight"}, "to", "Value error, not an RFC 3339 timestamp: 'tonight'"),
        ({"to": 1781366400}, "to", "Value error, must be an RFC 3339 timestamp with an offset, in quotes"),
        ({"to": ...}, "to", "Field required"),
        ({"until": "tonight"}, "until", "Extra inputs are not permitted"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused_by_field(
    saturday_desk: Desk, changes: dict[str, Any], field: str, sentence: str
) -> None:
    answer = stand_in(saturday_desk, **changes)

    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [{"field": field, "message": sentence}]
    assert saturday_desk.get("/oncall/overrides?state=all") == []


def test_every_wrong_field_is_named_at_once(saturday_desk: Desk) -> None:
    answer = stand_in(saturday_desk, who="nora", schedule="designers", to=format_timestamp(SATURDAY))

    assert [one["field"] for one in answer.get_json()["errors"]] == ["who", "schedule", "to"]


def test_a_repeat_with_the_same_key_gets_the_first_answer_whatever_became_of_the_override(saturday_desk: Desk) -> None:
    desk = saturday_desk
    asked = {
        "who": "ines",
        "schedule": "engineers",
        "replaces": "noor",
        "from": format_timestamp(SATURDAY + timedelta(hours=3)),
        "to": format_timestamp(SATURDAY + timedelta(hours=8)),
    }
    key = {"Idempotency-Key": "phone-7-tap-1"}
    first = desk.post("/oncall/overrides", asked, headers=key)
    assert first.status_code == 201
    assert "Idempotent-Replay" not in first.headers
    assert desk.call("DELETE", f"/oncall/overrides/{first.get_json()['id']}").status_code == 200

    again = desk.post("/oncall/overrides", asked, headers=key)
    assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")
    assert again.get_json() == first.get_json()
    assert desk.get("/oncall/overrides") == [], "what was cancelled since is not made again"

    other = desk.post("/oncall/overrides", {**asked, "who": "tomasz"}, headers=key)
    assert other.status_code == 409
    assert len(desk.get("/oncall/overrides?state=all")) == 1


# --- when the overrides cannot be used


def test_without_the_overrides_the_schedule_still_answers(saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = saturday_desk
    asked: list[object] = []

    def gone(*arguments: object, **_: object) -> None:
        asked.append(arguments)
        raise Unavailable("the database cannot be used right now")

    with monkeypatch.context() as broken:
        broken.setattr("webhook_receiver.oncall.store.touching", gone)
        desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
        desk.turn()
        assert desk.pager.people() == ["ines", "noor"]
        assert desk.metric("wedsync_oncall_override_read_failures_total") == 1.0
        assert len(asked) == 1, "the steps of a storm do not each wait for it"
        desk.clock.advance(seconds=5)
        assert on_call(desk) == ["noor"]
        assert len(asked) == 2

    desk.clock.advance(seconds=5)
    stand_in(desk)
    desk.clock.advance(SATURDAY + timedelta(hours=4) - desk.clock.now())
    assert on_call(desk) == ["ines"], "and read again when they can be"


def test_overrides_that_were_read_before_still_hold(saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = saturday_desk
    stand_in(desk)
    desk.clock.advance(timedelta(hours=3))

    def gone(*_: object, **__: object) -> None:
        raise RuntimeError("something nobody thought of")

    monkeypatch.setattr("webhook_receiver.oncall.store.touching", gone)
    desk.post("/incidents", {"title": "Bookings fail", "service": "booking"})
    desk.turn()

    assert {page.person for page in desk.console.envelopes} == {"ines"}


def test_a_step_reads_overrides_in_its_own_transaction(saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = saturday_desk
    stand_in(desk)
    desk.clock.advance(timedelta(hours=3))
    apart: list[timedelta] = []
    read = Overrides._read

    def counted(self: Overrides, begin: datetime, end: datetime) -> list[Override]:
        apart.append(end - begin)
        return read(self, begin, end)

    monkeypatch.setattr(Overrides, "_read", counted)
    desk.post("/incidents", {"title": "Bookings fail", "service": "booking"})
    desk.turn()

    assert {page.person for page in desk.console.envelopes} == {"ines"}
    assert [span for span in apart if span < timedelta(seconds=1)] == [], "no other connection for this instant"


def test_a_step_survives_a_table_that_cannot_be_read(saturday_desk: Desk) -> None:
    desk = saturday_desk
    with desk.receiver.database.write() as transaction:
        transaction.execute(text("ALTER TABLE oncall_overrides RENAME TO elsewhere"))
    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    desk.turn()

    assert desk.pager.people() == ["ines", "noor"]
    assert desk.metric("wedsync_ticker_failures_total", duty="escalation") == 0
    assert desk.metric("wedsync_oncall_override_read_failures_total") == 1


def test_a_step_waits_a_second_at_most_for_overrides_that_somebody_holds(saturday_desk: Desk) -> None:
    desk = saturday_desk
    if desk.receiver.database.is_sqlite:
        pytest.skip("readers of SQLite wait for nobody")
    with desk.receiver.database.write() as holder:
        holder.execute(text("LOCK TABLE oncall_overrides IN ACCESS EXCLUSIVE MODE"))
        desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
        desk.turn()
        assert desk.pager.people() == ["ines", "noor"]


def test_the_last_resort_knows_who_stands_in_without_asking_the_database(
    saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = saturday_desk
    stand_in(desk, who="tomasz")
    desk.clock.advance(timedelta(hours=3))

    def hangs(*_: object, **__: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr("webhook_receiver.oncall.overrides.Overrides.in_effect", hangs)

    assert set(desk.receiver.watchers.last_resort._people()) == {"grace", "ines", "tomasz"}


def test_somebody_who_has_left_is_not_paged_and_stops_nobody_elses_page(tmp_path: Path, database_url: str) -> None:
    """Anya was to stand in for Noor; the next day she is no longer in the file."""
    anya = {"WEDSYNC__PEOPLE__ANYA": "{name: Anya Petrova, contact: [{channel: console}]}"}
    with open_desk(tmp_path, database_url, SATURDAY, anya) as desk:
        assert stand_in(desk, who="anya").status_code == 201
    with open_desk(tmp_path, database_url, SATURDAY + timedelta(hours=4), {}) as desk:
        desk.post("/incidents", {"title": "Bookings fail", "service": "booking"})
        desk.turn()

        assert {page.person for page in desk.console.envelopes} == {"noor"}
        (finding,) = [one for one in desk.get("/oncall")["findings"] if one["kind"] == "override_ignored"]
        assert finding["place"] == "schedules.engineers"
        assert desk.metric("wedsync_oncall_findings", kind="override_ignored") == 1.0


# --- the calendar


def events(desk: Desk, query: str = "") -> list[icalendar.Event]:
    answer = desk.call("GET", f"/oncall/calendar.ics{query}", "viewer")
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/calendar; charset=utf-8"
    calendar = icalendar.Calendar.from_ical(answer.data)
    assert calendar.errors == []
    return list(calendar.events)


def test_the_feed_has_every_shift_of_six_months_whole(saturday_desk: Desk) -> None:
    shifts = [event for event in events(saturday_desk) if event.end > SATURDAY]

    assert shifts[0].start < SATURDAY < shifts[0].end
    assert shifts[-1].end > SATURDAY + timedelta(days=184)
    assert all(before.end == after.start for before, after in pairwise(shifts))
    assert {shift.end - shift.start for shift in shifts} == {
        timedelta(weeks=2),
        timedelta(weeks=2, hours=1),  # the fortnight in which British Summer Time ends
    }
    assert [str(shift["SUMMARY"]) for shift in shifts[:2]] == [
        "On call: Noor Haddad (engineers)",
        "On call: Tomasz Zielinski (engineers)",
    ]
    assert all(shift.DTSTAMP == SATURDAY for shift in shifts)


def test_an_event_keeps_its_identity_while_time_passes(saturday_desk: Desk) -> None:
    desk = saturday_desk
    before = {str(event["UID"]): (event.start, event.end) for event in events(desk)}
    desk.clock.advance(timedelta(days=40, minutes=7))
    after = {str(event["UID"]): (event.start, event.end) for event in events(desk)}

    kept = before.keys() & after.keys()
    assert len(kept) >= 10
    assert all(before[uid] == after[uid] for uid in kept)
    assert all(before[uid][1] <= desk.clock.now() - timedelta(days=14) for uid in before.keys() - after.keys())


def test_the_feed_shows_who_stands_in(saturday_desk: Desk) -> None:
    desk = saturday_desk
    stand_in(desk)

    (evening,) = events(desk, "?person=ines")

    assert (evening.start, evening.end) == (SATURDAY + timedelta(hours=3), SATURDAY + timedelta(hours=9))
    assert str(evening["DESCRIPTION"]) == "override 1 of layer fortnights"
    mine = [(event.start, event.end) for event in events(desk, "?person=noor&schedule=engineers")][:2]
    assert (mine[0][1], mine[1][0]) == (evening.start, evening.end)


def test_a_feed_of_nothing_known_is_refused(saturday_desk: Desk) -> None:
    for query, field in (("schedule=designers", "schedule"), ("person=nora", "person")):
        answer = saturday_desk.call("GET", f"/oncall/calendar.ics?{query}")
        assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, field)


# --- what will be missing


@pytest.fixture
def lonely_desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """Nobody but Noor and Tomasz is told of a critical incident in the first two steps, and only on weekdays."""
    changes = {
        "WEDSYNC__SCHEDULES__ENGINEERS__LAYERS": """
            - name: weekdays
              rotation: {people: [noor, tomasz], starts: 2025-01-13}
              restrictions: [{days: [monday, tuesday, wednesday, thursday, friday]}]""",
        "WEDSYNC__ESCALATION__POLICIES__WEDDING_DAY__STEPS": "[{after: 0s, roles: [on_call_engineer, team_lead]}]",
    }
    with open_desk(tmp_path, database_url, TUESDAY, changes) as desk:
        yield desk


def test_a_saturday_without_enough_people_is_seen_days_before_and_mended_by_an_override(lonely_desk: Desk) -> None:
    desk = lonely_desk
    desk.turn()
    uncovered = desk.get("/oncall")["coverage"]["uncovered"]
    first = next(one for one in uncovered if one["region"] == "london")
    assert (first["day"], first["weddings"]) == ("2026-01-17", 0)
    assert first["holes"] == [
        {
            "from": "2026-01-17T06:00:00.000Z",
            "to": "2026-01-18T02:00:00.000Z",
            "reason": "only tomasz can be reached; nobody is in on_call_engineer",
        }
    ]
    assert desk.metric("wedsync_oncall_uncovered_windows", within="7d") == 5.0, "one Saturday, five regions"
    assert desk.metric("wedsync_oncall_role_empty_seconds", role="on_call_engineer") == 0.0
    assert desk.metric("wedsync_oncall_findings", kind="gap") == 1.0

    weekend = {"from": "2026-01-16T00:00:00Z", "to": "2026-01-19T09:00:00Z"}
    assert stand_in(desk, who="noor", replaces=None, **weekend).status_code == 201

    assert desk.metric("wedsync_oncall_uncovered_windows", within="7d") == 0.0
    assert (desk.metric("wedsync_oncall_uncovered_windows", within="30d") or 0) > 0, "the Saturdays after it still"


def test_a_gap_is_seen_a_day_before(lonely_desk: Desk) -> None:
    desk = lonely_desk
    desk.clock.advance(
        datetime(2026, 1, 16, 12, 0, tzinfo=UTC) - desk.clock.now()
    )  # Friday noon; the gap begins at midnight
    desk.turn()

    assert desk.metric("wedsync_oncall_role_empty_seconds", role="on_call_engineer") == 12 * 3600
    assert desk.metric("wedsync_oncall_role_empty_seconds", role="team_lead") == 0.0
    (gap,) = [one for one in desk.get("/oncall")["findings"] if one["kind"] == "gap"]
    assert gap["sentence"].startswith("nobody is on call from Sat 17 Jan 00:00 to Mon 19 Jan 00:00, and 4 times more")


# --- hand-offs while an incident is open


def test_a_hand_off_between_two_steps_tells_the_new_person(tmp_path: Path, database_url: str) -> None:
    """Noor is told at 08:55 on Monday and does not answer; at nine Tomasz has the duty, and ten minutes on is told."""
    changes = {
        "WEDSYNC__ESCALATION__POLICIES__STANDARD__STEPS": (
            "[{after: 0s, roles: [on_call_engineer]}, {after: 10m, roles: [on_call_engineer]}]"
        )
    }
    with open_desk(tmp_path, database_url, HAND_OFF - timedelta(minutes=5), changes) as desk:
        desk.alerts(alert(starts_at=desk.clock.now(), region="new_york", **UPLOADS))
        desk.turn()
        assert desk.pager.people() == ["noor"]

        desk.pager.forget()
        desk.pass_minutes(9.8)
        assert desk.pager.people() == [], "the hand-off itself tells nobody"
        desk.pass_minutes(0.2)
        assert desk.pager.people() == ["tomasz"]


def test_what_noor_took_and_did_not_end_is_tomaszs_after_the_hand_off(tmp_path: Path, database_url: str) -> None:
    with open_desk(tmp_path, database_url, HAND_OFF - timedelta(minutes=30), {}) as desk:
        desk.alerts(alert(starts_at=desk.clock.now(), region="new_york", **UPLOADS))
        desk.turn()
        (incident,) = desk.get("/incidents/active")
        desk.post(f"/incidents/{incident['id']}/acknowledge", {"by": "noor"})
        desk.pager.forget()

        desk.pass_minutes(125)  # her acknowledgement holds for two hours

        assert desk.pager.people() == ["tomasz"]


def test_in_the_doubled_hour_the_duty_is_handed_off_once_and_no_step_is_skipped(
    tmp_path: Path, database_url: str
) -> None:
    """25 October 2026, hand-off at 01:30: shown in London at 00:30 UTC, and again at 01:30 UTC."""
    changes = {
        "WEDSYNC__SCHEDULES__ENGINEERS__LAYERS": """
            - name: days
              rotation: {people: [noor, tomasz], every: day, starts: 2026-10-24, hand_off: "01:30"}""",
        "WEDSYNC__ESCALATION__POLICIES__STANDARD__STEPS": "[{after: 0s, roles: [on_call_engineer]}]",
        "WEDSYNC__ESCALATION__POLICIES__STANDARD__REPEAT_EVERY": "15m",
        "WEDSYNC__ESCALATION__ROUTES": "[{policy: standard}]",
    }
    half_past_one = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    with open_desk(tmp_path, database_url, half_past_one - timedelta(minutes=20), changes) as desk:
        desk.alerts(alert(starts_at=desk.clock.now(), region="london", **UPLOADS))
        desk.turn()
        desk.pass_minutes(120)

        told = [envelope.person for envelope in desk.pager.envelopes]
        assert told == ["noor", "noor", *["tomasz"] * 7], "every quarter of an hour, once handed off never back"


def test_in_the_skipped_hour_the_duty_is_handed_off_at_its_end(tmp_path: Path, database_url: str) -> None:
    """29 March 2026: London's clocks go from 01:00 to 02:00, and the hand-off is at 01:30."""
    changes = {
        "WEDSYNC__SCHEDULES__ENGINEERS__LAYERS": """
            - name: days
              rotation: {people: [noor, tomasz], every: day, starts: 2026-03-28, hand_off: "01:30"}"""
    }
    change = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    with open_desk(tmp_path, database_url, change - timedelta(minutes=5), changes) as desk:
        assert on_call(desk, change - timedelta(seconds=1)) == ["noor"]
        assert on_call(desk, change) == ["tomasz"]
        assert engineer(desk)["until"] == "2026-03-29T01:00:00.000Z"
