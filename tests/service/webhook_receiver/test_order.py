"""What comes twice, late, or in the wrong order: the state is that of the world, and a new fire wakes people anew."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.cast import SATURDAY
from tests.receiver import Desk, alert

UPLOADS: dict[str, Any] = {
    "severity": "critical",
    "service": "photos",
    "type": "service_failure",
    "affects": "photo_upload",
    "region": "london",
}


def fires(starts_at: datetime = SATURDAY, **labels: Any) -> dict[str, Any]:
    return alert("WorkflowFailing", starts_at=starts_at, **{**UPLOADS, **labels})


def over(fired: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {**fired, "status": "resolved", "endsAt": at.isoformat().replace("+00:00", "Z")}


def active(desk: Desk) -> list[Any]:
    found: list[Any] = desk.get("/incidents/active")
    return found


def live_and_end(desk: Desk) -> dict[str, Any]:
    """An alert that fired, was told, and is over; returns its firing."""
    fired = fires()
    desk.alerts(fired)
    desk.turn()
    desk.clock.advance(seconds=60)
    desk.alerts(over(fired, desk.clock.now()))
    desk.turn()
    assert active(desk) == []
    desk.pager.forget()
    return fired


@pytest.mark.parametrize("same_start", [True, False])
def test_what_fires_again_soon_continues_its_incident_and_pages_again(saturday_desk: Desk, *, same_start: bool) -> None:
    desk = saturday_desk
    fired = live_and_end(desk)
    desk.pass_minutes(2)
    desk.alerts(fires(SATURDAY if same_start else desk.clock.now()))
    desk.turn()

    (incident,) = active(desk)
    assert (incident["id"], incident["status"]) == ("1", "open")
    assert desk.pager.people() == ["ines", "noor"]
    (episode,) = desk.get("/incidents/1")["alerts"]
    assert episode["state"] == "firing"
    assert episode["fingerprint"] == fired["fingerprint"]
    desk.pager.forget()
    desk.pass_minutes(5)
    assert desk.pager.people() == ["grace", "ines"], "the policy begins anew"


def test_what_fires_again_later_is_another_incident(saturday_desk: Desk) -> None:
    desk = saturday_desk
    live_and_end(desk)
    desk.pass_minutes(6)
    desk.alerts(fires())
    desk.turn()

    assert [incident["id"] for incident in active(desk)] == ["2"]
    assert desk.pager.people() == ["ines", "noor"]


def test_a_peers_old_firing_after_the_end_wakes_nobody(saturday_desk: Desk) -> None:
    desk = saturday_desk
    fired = live_and_end(desk)
    desk.clock.advance(seconds=5)
    desk.late_alerts(fired)
    desk.pass_minutes(10)

    assert active(desk) == []
    assert desk.pager.people() == []
    assert desk.metric("wedsync_reconcile_corrections_total", kind="old_news") == 1


def test_a_firing_that_looked_like_old_news_and_is_not_continues_the_incident(saturday_desk: Desk) -> None:
    desk = saturday_desk
    fired = live_and_end(desk)
    desk.clock.advance(seconds=5)
    desk.alerts(fired)
    desk.turn()

    assert [incident["id"] for incident in active(desk)] == ["1"]
    assert desk.pager.people() == ["ines", "noor"]
    assert desk.metric("wedsync_reconcile_corrections_total", kind="confirmed") == 1


def test_when_nobody_can_say_whether_it_is_old_news_people_are_woken(saturday_desk: Desk) -> None:
    desk = saturday_desk
    fired = live_and_end(desk)
    desk.upstream.alertmanager.down = desk.upstream.prometheus.down = True
    desk.clock.advance(seconds=5)
    desk.late_alerts(fired)
    desk.turn()
    assert desk.pager.people() == []

    desk.pass_minutes(0.5)

    assert desk.pager.people() == ["ines", "noor"]


def test_the_end_before_the_beginning(saturday_desk: Desk) -> None:
    """Two peers, the slower one still telling of the beginning."""
    desk = saturday_desk
    desk.clock.advance(seconds=60)
    fired = fires()
    desk.alerts(over(fired, desk.clock.now()))
    desk.clock.advance(seconds=1)
    desk.late_alerts(fired)
    desk.pass_minutes(5)

    assert active(desk) == []
    assert desk.pager.people() == []


def test_beginning_and_end_in_one_message_and_one_batch(saturday_desk: Desk) -> None:
    desk = saturday_desk
    calm: dict[str, Any] = {"severity": "warning", "affects": "", "type": "other", "service": "blog"}
    first = fires(**calm)
    desk.clock.advance(seconds=60)
    desk.alerts(first, over(first, desk.clock.now()))
    desk.turn()

    assert active(desk) == []
    assert desk.get("/incidents/1")["status"] == "resolved"


def test_other_labels_are_another_alert(saturday_desk: Desk) -> None:
    desk = saturday_desk
    before, after = fires(instance="a"), fires(instance="b")
    desk.alerts(before)
    desk.clock.advance(seconds=30)
    desk.alerts(over(before, desk.clock.now()), after)
    desk.turn()

    shown = desk.get("/incidents/1")
    assert shown["status"] == "open"
    assert sorted(one["state"] for one in shown["alerts"]) == ["firing", "resolved"]


def test_a_person_resolves_what_still_fires_and_is_reminded(saturday_desk: Desk) -> None:
    desk = saturday_desk
    fired = fires()
    desk.alerts(fired)
    desk.turn()
    desk.post("/incidents/1/resolve", {"by": "noor", "note": "must be a false alarm"})
    desk.pager.forget()
    desk.pass_minutes(4.5)
    desk.alerts(fired)
    assert active(desk) == []
    assert desk.pager.people() == []

    desk.pass_minutes(1)

    (incident,) = active(desk)
    assert incident["id"] == "1"
    assert desk.pager.people() == ["ines", "noor"]
    reopened = [one for one in desk.get("/incidents/1")["updates"] if one["kind"] == "reopened"]
    assert [one["detail"]["reason"] for one in reopened] == ["still_firing_after_resolution"]


def test_what_a_person_resolved_and_fires_again_is_another_incident(saturday_desk: Desk) -> None:
    desk = saturday_desk
    fired = fires()
    desk.alerts(fired)
    desk.turn()
    desk.post("/incidents/1/resolve", {"by": "noor"})
    desk.clock.advance(seconds=60)
    desk.alerts(over(fired, desk.clock.now()))
    desk.clock.advance(seconds=60)
    desk.pager.forget()
    desk.alerts(fires(desk.clock.now()))
    desk.turn()

    assert [incident["id"] for incident in active(desk)] == ["2"]
    assert desk.pager.people() == ["ines", "noor"]


def test_a_cut_message_resolves_nothing_and_alertmanager_is_asked(saturday_desk: Desk) -> None:
    desk = saturday_desk
    calm: dict[str, Any] = {"severity": "warning", "affects": "", "type": "other", "service": "blog"}
    first = fires(**calm)
    desk.alerts(first)
    desk.turn()
    desk.clock.advance(seconds=60)
    desk.late_alerts(over(first, desk.clock.now()), truncatedAlerts=7, status="resolved")
    assert len(active(desk)) == 1
    desk.turn()
    assert len(active(desk)) == 1, "Prometheus still has it"
    assert desk.metric("wedsync_alerts_truncated_total") == 7

    desk.upstream.prometheus.clear(first["labels"])
    desk.late_alerts(over(first, desk.clock.now()), truncatedAlerts=7, status="resolved")
    desk.turn()
    assert active(desk) == []


def test_a_hundred_repeats_after_the_end_change_nothing(saturday_desk: Desk) -> None:
    desk = saturday_desk
    fired = live_and_end(desk)
    ended = over(fired, SATURDAY + timedelta(seconds=60))
    for _ in range(100):
        desk.late_alerts(ended)
    desk.turn()

    assert active(desk) == []
    assert len(desk.get("/incidents/1")["alerts"]) == 1
    assert desk.pager.people() == []
