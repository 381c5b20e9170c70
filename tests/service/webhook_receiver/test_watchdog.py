"""Silence is an alarm: the Watchdog's, when Prometheus or Alertmanager has died."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.cast import SATURDAY, TUESDAY
from tests.receiver import Desk, alert, open_desk

WATCHDOG: dict[str, Any] = {"severity": "none", "type": "heartbeat", "service": "prometheus"}


def silences(desk: Desk) -> list[dict[str, Any]]:
    return [one for one in desk.get("/incidents/active") if one["type"] == "monitoring_fault"]


def test_prometheus_dies_on_a_wedding_saturday_and_people_hear_of_the_silence_within_three_minutes(
    saturday_desk: Desk,
) -> None:
    desk = saturday_desk
    desk.pass_minutes(30)
    assert desk.pager.people() == []
    desk.watchdog_heard = False
    desk.pass_minutes(2.4)
    assert desk.pager.people() == []
    desk.pass_minutes(0.6)
    assert desk.pager.people() == ["ines", "noor"]
    (incident,) = silences(desk)
    assert (incident["severity"], incident["service"]) == ("critical", "prometheus")

    desk.pass_minutes(15)
    assert len(silences(desk)) == 1, "one silence, one incident"
    assert set(desk.pager.people()) == {"grace", "ines", "noor", "tomasz"}, "it escalates like any other"

    desk.watchdog_heard = True
    desk.pass_minutes(0.2)
    assert silences(desk) == []
    desk.pager.forget()
    desk.pass_minutes(30)
    assert desk.pager.people() == []


def test_a_watchdog_by_webhook_is_what_is_listened_for(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    desk.watchdog_heard = False
    for _ in range(10):
        desk.late_alerts(alert("Watchdog", starts_at=TUESDAY, **WATCHDOG))
        desk.pass_minutes(1)
    assert silences(desk) == []
    # Alertmanager says that it has ended: that is silence, too, and no sighting.
    for _ in range(3):
        desk.late_alerts(alert("Watchdog", status="resolved", starts_at=TUESDAY, ends_at=desk.clock.now(), **WATCHDOG))
        desk.pass_minutes(1)
    assert len(silences(desk)) == 1


def test_a_restart_of_the_receiver_calls_nobody(tmp_path: Path, database_url: str) -> None:
    with open_desk(tmp_path, database_url, SATURDAY, {}) as desk:
        desk.pass_minutes(1)
    with open_desk(tmp_path, database_url, SATURDAY + timedelta(minutes=20), {}) as desk:
        desk.watchdog_heard = False
        desk.pass_minutes(1.5)
        desk.watchdog_heard = True
        desk.pass_minutes(10)
        assert desk.pager.people() == []
        desk.watchdog_heard = False
        desk.pass_minutes(3)
        assert desk.pager.people() == ["ines", "noor"], "and it listens all the same"


def test_a_restart_of_prometheus_for_a_minute_and_a_half_calls_nobody(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.pass_minutes(5)
    desk.watchdog_heard = False
    desk.pass_minutes(1.5)
    desk.watchdog_heard = True
    desk.pass_minutes(5)
    assert desk.pager.people() == []


def test_a_receiver_that_never_hears_a_watchdog_says_so(tmp_path: Path, database_url: str) -> None:
    with open_desk(tmp_path, database_url, SATURDAY, {}) as desk:
        desk.watchdog_heard = False
        desk.pass_minutes(2.4)
        assert desk.pager.people() == []
        desk.pass_minutes(0.6)
        assert desk.pager.people() == ["ines", "noor"]


def test_ended_by_hand_while_it_is_still_silent_it_is_told_again_in_time(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.watchdog_heard = False
    desk.pass_minutes(3)
    (incident,) = silences(desk)
    desk.post(f"/incidents/{incident['id']}/resolve", {"by": "noor"})
    desk.pager.forget()
    desk.pass_minutes(2)
    assert desk.pager.people() == []
    desk.pass_minutes(1)
    assert desk.pager.people() == ["ines", "noor"]


def test_an_acknowledged_silence_ends_by_itself_too(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.watchdog_heard = False
    desk.pass_minutes(3)
    (incident,) = silences(desk)
    desk.post(f"/incidents/{incident['id']}/acknowledge", {"by": "noor"})
    desk.watchdog_heard = True
    desk.pass_minutes(0.2)
    shown = desk.get(f"/incidents/{incident['id']}")
    assert (shown["status"], shown["resolved_by"]) == ("resolved", "watchdog")


def test_alertmanager_repeats_the_watchdog_of_a_dead_prometheus_and_people_hear_of_it_all_the_same(
    saturday_desk: Desk,
) -> None:
    """For four minutes it sends on what nobody confirms; only asking shows that."""
    desk = saturday_desk
    upstream = desk.upstream
    for _ in range(10):
        upstream.alertmanager.hold(alert("Watchdog", starts_at=SATURDAY, **WATCHDOG))
        desk.pass_minutes(1)
    assert desk.pager.people() == []
    upstream.prometheus.down = True
    desk.pass_minutes(3)
    assert desk.pager.people() == ["ines", "noor"]
    upstream.prometheus.down = False
    upstream.alertmanager.hold(alert("Watchdog", starts_at=SATURDAY, **WATCHDOG))
    desk.pass_minutes(1)
    assert silences(desk) == []


def test_a_prometheus_that_only_the_receiver_cannot_reach_calls_nobody(saturday_desk: Desk) -> None:
    desk = saturday_desk
    for minute in range(10):
        desk.upstream.prometheus.down = minute >= 2
        desk.upstream.alertmanager.hold(alert("Watchdog", starts_at=SATURDAY, **WATCHDOG))
        desk.pass_minutes(1)
    assert silences(desk) == []
