"""An error is over when what failed has been seen to work; then its alarm ends, and not before."""

from tests.error_desk import ErrorDesk, harmless, lost_photo
from tests.fakes import FakeAlertmanager

ATTEMPTS, REQUESTS = "wedsync_workflow_attempts_total", "wedsync_http_request_duration_seconds_count"
DAY = 86_400


def pass_quietly(desk: ErrorDesk, seconds: int) -> None:
    """Move time on a minute at a time, letting the poster and the keeper look at each."""
    for _ in range(seconds // 60):
        desk.clock.advance(seconds=60)
        desk.keeper.turn()
        desk.poster.turn()


def test_silence_with_successful_uploads_is_a_recovery_and_is_told(
    saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    desk = saturday_desk
    group = desk.report(lost_photo(route="/albums")).get_json()["groupId"]
    desk.seen_working = {ATTEMPTS: [({"workflow": "photo_upload", "region": "london"}, 41.0)]}
    pass_quietly(desk, 540)
    assert desk.get(f"/groups/{group}")["status"] == "new"
    pass_quietly(desk, 180)
    told = desk.get(f"/groups/{group}")
    assert (told["status"], told["life"]["resolution"]) == ("resolved", "recovered")
    assert told["life"]["evidence"]["seen"] == [
        {"workflow": "photo_upload", "region": "london", "successes": 41.0, "seconds": 600}
    ]
    assert told["turns"][0]["by"] == "monitoring"
    assert desk.metric("wedsync_error_group_turns_total", {"turn": "recovered"}) == 1
    assert desk.metric("wedsync_alarms_active") == 0
    assert alertmanager.alerts[-1]["endsAt"] <= desk.clock.now().isoformat()


def test_on_a_wedding_day_silence_without_evidence_ends_nothing_however_long(
    saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    desk = saturday_desk
    group = desk.report().get_json()["groupId"]
    desk.seen_working = {ATTEMPTS: [({"workflow": "photo_upload", "region": "sydney"}, 900.0)]}
    pass_quietly(desk, 8 * 3_600)
    told = desk.get(f"/groups/{group}")
    assert told["status"] == "new"
    assert told["life"]["evidence"]["reason"] == "no_successful_traffic_since_and_a_wedding_window_is_open"
    assert desk.metric("wedsync_alarms_active") == 1
    assert alertmanager.alerts[-1]["endsAt"] > desk.clock.now().isoformat()


def test_without_prometheus_nothing_recovers_and_the_reason_is_shown(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    group = desk.report().get_json()["groupId"]
    pass_quietly(desk, 1_800)
    told = desk.get(f"/groups/{group}")["life"]
    assert (told["status"], told["evidence"]["reason"]) == ("new", "prometheus_does_not_answer")
    assert desk.metric("wedsync_alarms_active") == 1


def test_an_error_without_an_alarm_recovers_by_its_route(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    group = desk.report(harmless(route="/icons")).get_json()["groupId"]
    nameless = desk.report(harmless(error_type="Nameless")).get_json()["groupId"]
    desk.seen_working = {REQUESTS: [({"service": "timeline", "route": "/icons"}, 12.0)]}
    pass_quietly(desk, 900)
    assert desk.get(f"/groups/{group}")["status"] == "resolved"
    assert desk.get(f"/groups/{nameless}")["life"]["evidence"]["reason"] == "reports_name_neither_route_nor_workflow"


def test_what_recovered_and_fails_again_comes_back_with_its_alarm(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    group = desk.report(lost_photo(release="2.0.0")).get_json()["groupId"]
    desk.seen_working = {ATTEMPTS: [({"workflow": "photo_upload", "region": "london"}, 41.0)]}
    pass_quietly(desk, 900)
    assert desk.metric("wedsync_alarms_active") == 0
    desk.report(lost_photo(release="2.0.0"))
    assert desk.get(f"/groups/{group}")["status"] == "regressed"
    desk.poster.turn()
    assert desk.metric("wedsync_alarms_active") == 1


def test_a_day_of_silence_without_proof_lets_the_alarm_go_and_keeps_the_group_open(tuesday_desk: ErrorDesk) -> None:
    desk = tuesday_desk
    group = desk.report().get_json()["groupId"]
    desk.poster.turn()
    desk.clock.advance(seconds=DAY - 60)
    desk.keeper.turn()
    desk.poster.turn()
    assert desk.metric("wedsync_alarms_active") == 1
    desk.clock.advance(seconds=120)
    desk.keeper.turn()
    desk.poster.turn()
    assert desk.metric("wedsync_alarms_active") == 0
    assert desk.get(f"/groups/{group}")["status"] == "ongoing"
