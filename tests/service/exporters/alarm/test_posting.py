"""The direct alarm against a small real Alertmanager: storms, outages, refusals, several of each."""

import json
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporters.alarm import store
from exporters.alarm.alertmanager import post_over_http
from exporters.alarm.decision import State, next_step
from exporters.alarm.metrics import AlarmMetrics
from exporters.alarm.poster import AlarmPoster
from tests.cast import SATURDAY
from tests.error_desk import ErrorDesk, lost_photo, open_error_desk
from tests.fakes import FakeAlertmanager, FakeClock
from wedsync_core.web.auth import Role

ACCEPTED = ("wedsync_alarms_posted_total", {"outcome": "accepted"})
REFUSED = ("wedsync_alarms_posted_total", {"outcome": "refused"})
UNREACHABLE = ("wedsync_alarms_posted_total", {"outcome": "unreachable"})


def test_a_storm_of_equal_errors_is_one_post_a_minute(saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    for _ in range(180):
        saturday_desk.report({"errors": [lost_photo(message=f"photo {number} is gone") for number in range(20)]})
        saturday_desk.pass_seconds(1)
    assert len(alertmanager.posts) == 3
    assert {json.dumps(alert["labels"]) for alert in alertmanager.alerts} == {
        json.dumps(alertmanager.alerts[0]["labels"])
    }
    assert "(2420 reports since" in alertmanager.alerts[-1]["annotations"]["description"]
    assert saturday_desk.metric("wedsync_alarms_active") == 1
    assert saturday_desk.metric("wedsync_alarm_oldest_unposted_seconds") == 0


def test_silence_alone_does_not_end_it(saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    saturday_desk.report()
    saturday_desk.pass_seconds(600)
    ends = [alert["endsAt"] for alert in alertmanager.alerts]
    assert (ends[0], ends[-1]) == ("2026-06-13T14:05:01.000Z", "2026-06-13T14:14:01.000Z")
    assert saturday_desk.metric("wedsync_alarms_active") == 1


def test_its_end_is_told_at_once_and_to_an_alertmanager_that_was_away_later(
    saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    group = saturday_desk.report().get_json()["groupId"]
    saturday_desk.pass_seconds(70)
    alertmanager.stop()
    assert saturday_desk.call("POST", f"/groups/{group}/resolve", Role.RESPONDER).status_code == 200
    saturday_desk.pass_seconds(30)
    assert saturday_desk.metric("wedsync_alarms_active") == 1
    alertmanager.start()
    saturday_desk.pass_seconds(20)
    assert alertmanager.alerts[-1]["endsAt"] == "2026-06-13T14:01:10.000Z"
    assert saturday_desk.metric("wedsync_alarms_active") == 0


def test_after_the_end_the_same_error_is_news_again(saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    group = saturday_desk.report().get_json()["groupId"]
    saturday_desk.pass_seconds(1)
    saturday_desk.call("POST", f"/groups/{group}/resolve", Role.RESPONDER)
    saturday_desk.pass_seconds(600)
    assert len(alertmanager.posts) == 2
    saturday_desk.report()
    saturday_desk.pass_seconds(1)
    assert len(alertmanager.posts) == 3
    assert alertmanager.alerts[-1]["startsAt"] == "2026-06-13T14:10:01.000Z"


def test_regions_and_groups_have_their_own_alarms(saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    reports = [lost_photo(), lost_photo(region="sydney"), lost_photo(error_type="UploadTimeout"), lost_photo()]
    saturday_desk.report({"errors": reports})
    saturday_desk.poster.turn()
    assert len(alertmanager.posts) == 1
    assert len(alertmanager.alerts) == 3


def test_an_outage_of_alertmanager_loses_nothing(saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    alertmanager.stop()
    saturday_desk.report()
    saturday_desk.pass_seconds(900)
    assert saturday_desk.metric(*ACCEPTED) == 0
    assert saturday_desk.metric("wedsync_alarm_oldest_unposted_seconds") == 900
    assert 55 <= (saturday_desk.metric(*UNREACHABLE) or 0) <= 70, "half a second, doubling, to 15 s"
    alertmanager.start()
    saturday_desk.pass_seconds(15)
    [alert] = alertmanager.alerts
    assert alert["startsAt"] == "2026-06-13T14:00:00.000Z"
    assert saturday_desk.metric("wedsync_alarm_oldest_unposted_seconds") == 0


def test_trouble_that_is_not_about_the_alarm_is_tried_again(
    saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    alertmanager.status = 503
    saturday_desk.report()
    saturday_desk.pass_seconds(1)
    alertmanager.status = 200
    saturday_desk.pass_seconds(2)
    assert len(alertmanager.received) == 2
    assert (saturday_desk.metric(*UNREACHABLE), saturday_desk.metric(*ACCEPTED)) == (1, 1)


def test_a_refused_alarm_is_set_aside_and_blocks_no_other(
    saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    alertmanager.refuses = "sydney"
    reports = [
        lost_photo(error_type=f"Lost{number}", region="sydney" if number == 5 else "london") for number in range(9)
    ]
    saturday_desk.report({"errors": reports})
    saturday_desk.poster.turn()
    assert len(alertmanager.alerts) == 8
    assert saturday_desk.metric(*REFUSED) == 1
    saturday_desk.pass_seconds(59)
    assert saturday_desk.metric(*REFUSED) == 1, "not offered again every second"
    assert saturday_desk.metric("wedsync_alarms_active") == 9
    assert (saturday_desk.metric("wedsync_alarm_oldest_unposted_seconds") or 0) >= 59


def test_a_quarantined_alarm_is_offered_again_while_its_errors_keep_coming(
    saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    alertmanager.refuses = "london"
    saturday_desk.report()
    saturday_desk.poster.turn()
    alertmanager.refuses = None
    for _ in range(15):
        saturday_desk.pass_seconds(60)
        saturday_desk.report()
    saturday_desk.pass_seconds(1)
    assert len(alertmanager.alerts) == 1


def test_of_two_alertmanagers_one_is_enough_and_the_other_gets_it_later(tmp_path: Path, database_url: str) -> None:
    with FakeAlertmanager() as first, FakeAlertmanager() as second:
        second.stop()
        urls = [first.url, second.url]
        with open_error_desk(tmp_path, database_url, SATURDAY, urls) as desk:
            desk.report()
            desk.pass_seconds(1)
            assert (len(first.alerts), len(second.alerts)) == (1, 0)
            assert desk.metric("wedsync_alarm_oldest_unposted_seconds") == 0
            desk.pass_seconds(20)
            assert len(first.alerts) == 1, "the one that has it is not bothered again"
            second.start()
            desk.pass_seconds(16)
            assert (len(first.alerts), len(second.alerts)) == (1, 1)


def test_a_graver_error_of_the_group_is_posted_at_once(tuesday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    tuesday_desk.report()
    tuesday_desk.poster.turn()
    tuesday_desk.clock.set(SATURDAY)
    tuesday_desk.report()
    tuesday_desk.poster.turn()
    assert [alert["labels"]["severity"] for alert in alertmanager.alerts] == ["warning", "critical"]


def test_an_error_that_comes_while_its_alarm_is_on_the_wire_is_not_forgotten(
    tuesday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    tuesday_desk.report()
    with tuesday_desk.database.write() as transaction:
        [claimed] = store.claim(transaction, tuesday_desk.clock.now(), 10)
    tuesday_desk.clock.set(SATURDAY)
    tuesday_desk.report()  # critical now: other labels than those on the wire
    with tuesday_desk.database.write() as transaction:
        assert not store.advance(transaction, claimed, claimed.row)
    assert tuesday_desk.poster.turn() == 1
    assert [alert["labels"]["severity"] for alert in alertmanager.alerts] == ["critical"]


def test_a_poster_that_died_with_the_alarm_in_hand_is_replaced_when_its_lease_ends(
    saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager
) -> None:
    saturday_desk.report()
    with saturday_desk.database.write() as transaction:
        assert len(store.claim(transaction, saturday_desk.clock.now(), 10)) == 1
    assert saturday_desk.poster.turn() == 0
    saturday_desk.clock.advance(store.LEASE)
    assert saturday_desk.poster.turn() == 1
    assert len(alertmanager.alerts) == 1


def test_two_posters_share_the_work(saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    other = AlarmPoster(
        database=saturday_desk.database,
        urls=[alertmanager.url],
        post=post_over_http(),
        clock=saturday_desk.clock,
        metrics=AlarmMetrics(CollectorRegistry()),
    )
    saturday_desk.report({"errors": [lost_photo(error_type=f"Lost{number}") for number in range(20)]})
    saturday_desk.poster.start()
    other.start()
    saturday_desk.poster.wake()
    alertmanager.wait_for(lambda _requests: len(alertmanager.alerts) >= 20)
    other.stop()
    assert len(alertmanager.alerts) == 20


def test_the_thread_posts_on_its_own_once_woken(saturday_desk: ErrorDesk, alertmanager: FakeAlertmanager) -> None:
    saturday_desk.poster.start()
    saturday_desk.poster.check()
    saturday_desk.report()
    alertmanager.wait_for(lambda requests: len(requests) == 1)


def test_what_a_dead_process_left_is_posted_by_the_next(tmp_path: Path, database_url: str) -> None:
    with FakeAlertmanager() as alertmanager:
        with open_error_desk(tmp_path, database_url, SATURDAY, [alertmanager.url]) as desk:
            assert desk.report().get_json()["alertTriggered"]
        later = SATURDAY + timedelta(hours=2)
        with open_error_desk(tmp_path, database_url, later, [alertmanager.url]) as desk:
            desk.poster.turn()
        assert [alert["startsAt"] for alert in alertmanager.alerts] == ["2026-06-13T14:00:00.000Z"]


def test_a_promised_alarm_is_a_row(saturday_desk: ErrorDesk) -> None:
    saturday_desk.report()
    with saturday_desk.database.write() as transaction:
        [claimed] = store.claim(transaction, saturday_desk.clock.now(), 10)
    assert claimed.row.state is State.ACTIVE
    assert next_step(claimed.row, ["x"], FakeClock(SATURDAY).now()).reason == "not_taken_yet"
