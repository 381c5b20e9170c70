"""What nobody told the receiver, it asks; what it is told, it proves where a false word would cost a page."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cast import SATURDAY
from tests.receiver import Desk, alert, open_desk
from webhook_receiver.alerts.contract import fingerprint_of
from webhook_receiver.sources.contract import Matcher, Silence

UPLOADS: dict[str, Any] = {
    "severity": "critical",
    "service": "photos",
    "type": "service_failure",
    "affects": "photo_upload",
    "region": "london",
}
SLOW: dict[str, Any] = {**UPLOADS, "severity": "warning", "type": "performance_degradation"}


def fires(starts_at: datetime = SATURDAY, alertname: str = "WorkflowFailing", **labels: Any) -> dict[str, Any]:
    return alert(alertname, starts_at=starts_at, **{**UPLOADS, **labels})


def over(fired: dict[str, Any], at: datetime) -> dict[str, Any]:
    return {**fired, "status": "resolved", "endsAt": at.isoformat().replace("+00:00", "Z")}


def active(desk: Desk) -> list[Any]:
    found: list[Any] = desk.get("/incidents/active")
    return found


def kinds(desk: Desk, incident_id: str = "1") -> list[str]:
    return [update["kind"] for update in reversed(desk.get(f"/incidents/{incident_id}")["updates"])]


@pytest.fixture
def desk(saturday_desk: Desk) -> Desk:
    saturday_desk.turn()  # the pass at start
    return saturday_desk


# Held resolutions


def test_a_critical_end_is_believed_when_prometheus_lives_and_does_not_have_it(desk: Desk) -> None:
    fired = fires()
    desk.alerts(fired)
    desk.turn()
    desk.clock.advance(seconds=90)
    desk.alerts(over(fired, desk.clock.now()))
    assert [incident["status"] for incident in active(desk)] == ["open"], "not on Alertmanager's word alone"
    assert desk.metric("wedsync_resolutions_held") == 1

    desk.turn()

    assert active(desk) == []
    shown = desk.get("/incidents/1")
    assert (shown["resolved_by"], shown["alerts"][0]["state"]) == ("alertmanager", "resolved")
    assert desk.metric("wedsync_resolutions_held") == 0
    assert desk.metric("wedsync_reconcile_corrections_total", kind="ended") == 1


@pytest.mark.parametrize("silence", ["dead", "without a watchdog"])
def test_a_prometheus_that_is_gone_ends_no_critical_incident(desk: Desk, silence: str) -> None:
    """Its alerts and its Watchdog run out together in Alertmanager, four resend delays later."""
    fired = fires()
    desk.alerts(fired, alert("Watchdog", starts_at=SATURDAY, severity="none"))
    desk.turn()
    desk.pager.forget()
    desk.upstream.prometheus.down = silence == "dead"
    desk.upstream.prometheus.watchdog = False
    desk.clock.advance(seconds=240)
    desk.alerts(over(fired, desk.clock.now()))
    desk.pass_minutes(10)

    (incident,) = active(desk)
    assert incident["status"] == "open"
    assert incident["resolution_held_at"] is not None
    assert kinds(desk).count("resolution_held") == 1, "said once"
    assert "grace" in desk.pager.people(), "and it escalates on, until somebody answers"

    desk.upstream.prometheus.down, desk.upstream.prometheus.watchdog = False, True
    desk.pass_minutes(1.5)
    assert len(active(desk)) == 1, "a Prometheus that is just back has not evaluated everything yet"
    desk.pass_minutes(1.5)
    assert active(desk) == []


def test_an_alert_that_fires_on_after_its_held_end_drops_the_hold(desk: Desk) -> None:
    fired = fires()
    desk.alerts(fired)
    desk.upstream.prometheus.down = True
    desk.clock.advance(seconds=240)
    desk.alerts(over(fired, desk.clock.now()))
    desk.turn()
    assert active(desk)[0]["resolution_held_at"] is not None

    desk.clock.advance(seconds=60)
    desk.alerts(fired)
    desk.turn()

    assert active(desk)[0]["resolution_held_at"] is None
    assert desk.metric("wedsync_resolutions_held") == 0


@pytest.mark.parametrize("state", ["fires", "is pending"])
def test_an_end_that_prometheus_contradicts_is_dropped(desk: Desk, state: str) -> None:
    fired = fires()
    desk.alerts(fired)
    desk.clock.advance(seconds=90)
    desk.alerts(over(fired, desk.clock.now()))
    if state == "fires":
        desk.upstream.prometheus.fire(fired["labels"])
    else:
        desk.upstream.prometheus.pending.append(fired["labels"])
    desk.turn()

    assert len(active(desk)) == 1
    assert desk.metric("wedsync_resolutions_held") == 0
    assert desk.metric("wedsync_reconcile_corrections_total", kind="stands") == 1


@pytest.mark.parametrize("prometheus_lives", [True, False])
def test_a_high_incident_too_outlives_the_prometheus_that_raised_it(desk: Desk, *, prometheus_lives: bool) -> None:
    """Its rule says critical, its workflow is none of a wedding's: high. The word of a dead Prometheus ends it not."""
    high = fires(alertname="BackupFailing", service="blog", type="other", affects="")
    desk.alerts(high)
    assert [incident["severity"] for incident in active(desk)] == ["high"]
    desk.upstream.prometheus.down = not prometheus_lives
    desk.clock.advance(seconds=240)
    desk.alerts(over(high, desk.clock.now()))
    desk.pass_minutes(3)

    assert bool(active(desk)) is not prometheus_lives


def test_what_is_neither_critical_nor_high_ends_at_once(desk: Desk) -> None:
    slow = fires(alertname="WorkflowSlow", severity="warning", type="other", affects="", service="blog")
    desk.alerts(slow)
    desk.upstream.prometheus.down = True
    desk.clock.advance(seconds=90)
    desk.alerts(over(slow, desk.clock.now()))

    assert active(desk) == []


@pytest.mark.parametrize("exporters_down", [False, True])
def test_the_exporters_own_alarm_ends_while_they_answer(desk: Desk, *, exporters_down: bool) -> None:
    direct = fires(alertname="CriticalErrorReported", source="ingest")
    desk.alerts(direct)
    desk.turn()
    if exporters_down:
        desk.upstream.prometheus.jobs_down.add("exporters")
    desk.clock.advance(seconds=300)
    desk.alerts(over(direct, desk.clock.now()))
    desk.turn()

    assert bool(active(desk)) is exporters_down


def test_without_any_watchdog_ever_prometheus_word_is_taken(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.watchdog_heard = desk.upstream.prometheus.watchdog = False
    fired = fires()
    desk.alerts(fired)
    desk.turn()
    desk.clock.advance(seconds=90)
    desk.alerts(over(fired, desk.clock.now()))
    desk.turn()

    assert active(desk) == []


# What Alertmanager holds


def test_an_alert_that_nobody_told_of_is_opened_as_if_it_had_been(desk: Desk) -> None:
    desk.upstream.alertmanager.hold(fires())
    desk.pass_minutes(0.5)
    assert active(desk) == [], "it may be on its way"

    desk.pass_minutes(0.5)

    (incident,) = active(desk)
    assert incident["severity"] == "critical"
    assert desk.pager.people() == ["ines", "noor"]
    desk.alerts(fires())
    desk.turn()
    assert len(active(desk)) == 1, "told after all: the same alert"


def test_what_is_routed_to_others_or_pages_nobody_opens_nothing(desk: Desk) -> None:
    desk.upstream.alertmanager.hold(fires(), receivers=("another-team",))
    desk.upstream.alertmanager.hold(fires(alertname="DeployFinished", severity="info"))
    desk.pass_minutes(5)

    assert active(desk) == []
    assert desk.pager.envelopes == []


@pytest.mark.parametrize("by", ["silenced_by", "inhibited_by", "muted_by"])
def test_while_alertmanager_holds_every_alert_back_nobody_is_told_and_then_at_once(desk: Desk, by: str) -> None:
    first, second = fires(), fires(alertname="PhotoUploadsLost")
    desk.alerts(first, second)
    desk.turn()
    assert len(active(desk)) == 1
    desk.pager.forget()

    desk.upstream.alertmanager.suppress(first, **{by: ("a",)})
    desk.pass_minutes(1)
    assert active(desk)[0]["suppressed_by"] is None, "one of two is still active"
    desk.upstream.alertmanager.suppress(second, **{by: ("a",)})
    desk.pass_minutes(1)
    assert active(desk)[0]["suppressed_by"]["kind"] == "alertmanager"
    desk.pager.forget()
    desk.pass_minutes(60)
    assert desk.pager.people() == []

    desk.upstream.alertmanager.activate(second)
    desk.pass_minutes(0.5)
    assert desk.pager.people() != []
    assert active(desk)[0]["suppressed_by"] is None
    assert {"alert_suppressed", "suppressed", "alert_active_again", "woken"} <= set(kinds(desk))


def test_a_silenced_alert_that_ends_is_closed_though_nobody_says_so(desk: Desk) -> None:
    fired = fires()
    desk.alerts(fired)
    desk.turn()
    desk.upstream.alertmanager.suppress(fired, silenced_by=("s",))
    desk.pass_minutes(1)
    desk.pager.forget()

    desk.upstream.alertmanager.lose(fired)
    desk.upstream.prometheus.clear(fired["labels"])
    desk.pass_minutes(2)

    assert active(desk) == []
    assert desk.get("/incidents/1")["resolved_by"] == "reconciler"
    assert desk.pager.people() == [], "its end wakes nobody"


def test_an_alert_first_seen_silenced_opens_its_incident_when_the_silence_ends(desk: Desk) -> None:
    fired = fires()
    desk.upstream.alertmanager.hold(fired)
    desk.upstream.alertmanager.suppress(fired, silenced_by=("s",))
    desk.pass_minutes(10)
    assert active(desk) == []

    desk.upstream.alertmanager.activate(fired)
    desk.pass_minutes(0.5)

    assert len(active(desk)) == 1
    assert desk.pager.people() == ["ines", "noor"]


def test_absence_is_not_resolution_while_prometheus_has_it(desk: Desk) -> None:
    """Alertmanager was restarted and has not heard from Prometheus again."""
    fired = fires()
    desk.alerts(fired)
    desk.upstream.alertmanager.lose(fired)
    desk.pass_minutes(10)
    assert len(active(desk)) == 1

    desk.upstream.prometheus.down = True
    desk.upstream.prometheus.clear(fired["labels"])
    desk.pass_minutes(10)
    assert len(active(desk)) == 1, "nor while nobody can say"

    desk.upstream.prometheus.down = False
    desk.pass_minutes(4)
    assert active(desk) == []
    assert desk.get("/incidents/1")["resolved_by"] == "reconciler"


def test_external_labels_do_not_hide_that_an_alert_still_fires(desk: Desk) -> None:
    fired = fires(cluster="west")
    desk.alerts(fired)
    desk.upstream.prometheus.clear(fired["labels"])
    desk.upstream.prometheus.fire({k: v for k, v in fired["labels"].items() if k != "cluster"})
    desk.upstream.alertmanager.lose(fired)
    desk.pass_minutes(10)

    assert len(active(desk)) == 1


def test_alertmanager_down_changes_nothing_and_prometheus_is_asked_all_the_same(desk: Desk) -> None:
    fired = fires()
    desk.alerts(fired)
    desk.upstream.alertmanager.down = True
    desk.upstream.alertmanager.lose(fired)
    desk.pass_minutes(5)
    assert len(active(desk)) == 1
    assert (desk.metric("wedsync_reconcile_failures_total", source="alertmanager") or 0) > 0

    desk.late_alerts(over(fired, desk.clock.now()))
    desk.upstream.prometheus.clear(fired["labels"])
    desk.turn()
    assert active(desk) == [], "its end is proven by the other half"


def test_prometheus_down_leaves_alertmanager_half_alone(desk: Desk) -> None:
    desk.upstream.prometheus.down = True
    desk.upstream.alertmanager.hold(fires())
    desk.pass_minutes(2)

    assert len(active(desk)) == 1


# What was missed


@pytest.fixture
def data(tmp_path: Path, database_url: str) -> tuple[Path, str]:
    with open_desk(tmp_path, database_url, SATURDAY, {}) as before:
        before.turn()
    return tmp_path, database_url


def test_an_alert_that_lived_and_died_while_we_were_away_is_paged_late(data: tuple[Path, str]) -> None:
    away = SATURDAY + timedelta(hours=1)
    with open_desk(*data, away, {}) as desk:
        desk.upstream.prometheus.remember(UPLOADS | {"alertname": "WorkflowFailing"}, *_span(10, 20))
        desk.upstream.prometheus.remember(UPLOADS | {"alertname": "WorkflowFailing"}, *_span(30, 31))
        desk.upstream.prometheus.remember({"alertname": "DeployFinished", "severity": "info"}, *_span(10, 20))
        desk.upstream.prometheus.remember({"alertname": "Watchdog", "severity": "none"}, *_span(0, 60))
        desk.upstream.prometheus.remember(UPLOADS | {"alertname": "PhotoUploadsLost"}, *_span(40, 60))
        desk.upstream.prometheus.fire(UPLOADS | {"alertname": "PhotoUploadsLost"})
        desk.turn()

        (incident,) = active(desk)
        assert incident["missed"] is True
        assert incident["title"] == "MISSED, OVER NOW: WorkflowFailing fired 14:10:00 to 14:31:00 UTC"
        assert incident["severity"] == "critical"
        assert desk.pager.people() == ["ines", "noor"]
        assert "MISSED, OVER NOW" in desk.pager.envelopes[0].page.subject
        (episode,) = desk.get(f"/incidents/{incident['id']}")["alerts"]
        assert (episode["state"], episode["starts_at"]) == ("resolved", "2026-06-13T14:10:00.000Z")

        desk.pager.forget()
        desk.pass_minutes(5)
        assert desk.pager.people() == ["grace", "ines"], "it escalates like any other"
        answer = desk.post(f"/incidents/{incident['id']}/acknowledge", {"by": "noor"}).get_json()
        assert answer["status"] == "resolved", "there is nothing left to mend"

    with open_desk(*data, away + timedelta(minutes=10), {}) as again:
        again.upstream.prometheus.remember(UPLOADS | {"alertname": "WorkflowFailing"}, *_span(10, 20))
        again.turn()
        assert active(again) == [], "it is told once"


def test_what_was_known_then_or_silenced_then_was_not_missed(tmp_path: Path, database_url: str) -> None:
    known = fires(SATURDAY + timedelta(minutes=1), cluster="west")
    with open_desk(tmp_path, database_url, SATURDAY + timedelta(minutes=2), {}) as before:
        before.alerts(known)
        before.turn()
    with open_desk(tmp_path, database_url, SATURDAY + timedelta(hours=1), {}) as desk:
        without = {name: value for name, value in known["labels"].items() if name != "cluster"}
        desk.upstream.prometheus.remember(without, *_span(1, 10))
        desk.upstream.prometheus.remember({**without, "alertname": "Deploying"}, *_span(20, 25))
        silence = Silence(
            "s", (Matcher("alertname", "Deploy.*", is_regex=True),), *_span(15, 30), "noor", "", "expired"
        )
        desk.upstream.alertmanager.known_silences["s"] = silence
        desk.turn()
        assert [incident["missed"] for incident in active(desk)] == [False]


def test_what_began_before_its_silence_was_missed(data: tuple[Path, str]) -> None:
    with open_desk(*data, SATURDAY + timedelta(hours=1), {}) as desk:
        desk.upstream.prometheus.remember(UPLOADS | {"alertname": "WorkflowFailing"}, *_span(20, 25))
        matchers = (Matcher("alertname", "WorkflowFailing"),)
        desk.upstream.alertmanager.known_silences["s"] = Silence("s", matchers, *_span(23, 30), "noor", "", "expired")
        desk.turn()
        assert len(active(desk)) == 1


def test_a_new_database_looks_at_no_past(saturday_desk: Desk) -> None:
    saturday_desk.upstream.prometheus.remember(UPLOADS | {"alertname": "WorkflowFailing"}, *_span(-20, -10))
    saturday_desk.turn()

    assert active(saturday_desk) == []
    assert saturday_desk.upstream.prometheus.asked == []


def test_history_that_prometheus_does_not_give_is_asked_for_until_it_does(data: tuple[Path, str]) -> None:
    with open_desk(*data, SATURDAY + timedelta(hours=1), {}) as desk:
        desk.upstream.prometheus.down = True
        desk.upstream.prometheus.remember(UPLOADS | {"alertname": "WorkflowFailing"}, *_span(10, 20))
        desk.pass_minutes(5)
        assert active(desk) == []

        desk.upstream.prometheus.down = False
        desk.pass_minutes(0.5)
        assert len(active(desk)) == 1


def test_the_look_back_is_bounded(data: tuple[Path, str]) -> None:
    with open_desk(*data, SATURDAY + timedelta(days=3), {}) as desk:
        desk.turn()
        ((start, end),) = desk.upstream.prometheus.asked
        assert end - start == timedelta(hours=6, seconds=45)


def _span(first: int, last: int) -> tuple[datetime, datetime]:
    return SATURDAY + timedelta(minutes=first), SATURDAY + timedelta(minutes=last)


# No Alertmanager


def dead_alertmanagers(desk: Desk) -> None:
    """No Alertmanager answers or delivers; Prometheus evaluates on."""
    desk.upstream.alertmanager.down = True
    desk.watchdog_heard = False


def told_of_uploads(desk: Desk) -> list[str]:
    return [one.page.subject for one in desk.pager.envelopes if "WorkflowFailing" in one.page.subject]


def test_what_fires_while_no_alertmanager_is_there_is_told_from_prometheus(desk: Desk) -> None:
    dead_alertmanagers(desk)
    fired = fires(starts_at=SATURDAY)
    desk.upstream.prometheus.fire(fired["labels"])
    desk.pass_minutes(1.5)
    assert told_of_uploads(desk) == []

    desk.pass_minutes(2)

    (incident,) = [one for one in active(desk) if one["service"] == "photos"]
    assert incident["title"] == "WorkflowFailing fires in Prometheus, and no Alertmanager delivers it"
    assert incident["severity"] == "critical"
    assert told_of_uploads(desk)
    assert desk.metric("wedsync_reconcile_corrections_total", kind="undelivered") == 1


def test_the_alertmanager_that_comes_back_tells_nothing_new(desk: Desk) -> None:
    dead_alertmanagers(desk)
    fired = fires()
    fired["fingerprint"] = fingerprint_of(fired["labels"])
    desk.upstream.prometheus.fire(fired["labels"])
    desk.pass_minutes(4)
    (incident,) = [one for one in active(desk) if one["service"] == "photos"]
    desk.post(f"/incidents/{incident['id']}/acknowledge", {"by": "noor"})
    desk.turn()
    desk.pager.forget()

    desk.upstream.alertmanager.down = False
    desk.watchdog_heard = True
    desk.alerts(fired)
    desk.pass_minutes(3)

    assert [one["id"] for one in active(desk) if one["service"] == "photos"] == [incident["id"]]
    assert told_of_uploads(desk) == []
    desk.alerts(over(fired, desk.clock.now()))
    desk.pass_minutes(1)
    assert [one for one in active(desk) if one["service"] == "photos"] == []


def test_it_ends_by_itself_when_prometheus_no_longer_has_it(desk: Desk) -> None:
    dead_alertmanagers(desk)
    desk.upstream.prometheus.fire(fires()["labels"])
    desk.pass_minutes(4)
    desk.upstream.prometheus.clear(fires()["labels"])
    desk.upstream.alertmanager.down = False
    desk.watchdog_heard = True
    desk.pass_minutes(4)
    assert [one for one in active(desk) if one["service"] == "photos"] == []


def test_what_was_delivered_before_is_not_told_again(desk: Desk) -> None:
    desk.alerts(fires())
    desk.turn()
    desk.pager.forget()
    dead_alertmanagers(desk)
    incident = active(desk)[0]["id"]
    desk.post(f"/incidents/{incident}/acknowledge", {"by": "noor"})
    desk.pass_minutes(10)
    assert [one["id"] for one in active(desk) if one["service"] == "photos"] == [incident]
    assert told_of_uploads(desk) == []


def test_an_alertmanager_that_delivers_and_does_not_answer_is_there(desk: Desk) -> None:
    """Only its API is out of reach: what it silences is not ours to tell."""
    desk.upstream.alertmanager.down = True
    desk.upstream.prometheus.fire(fires()["labels"])
    desk.pass_minutes(6)
    assert active(desk) == []


def test_what_a_rule_only_records_wakes_nobody_from_prometheus_either(desk: Desk) -> None:
    dead_alertmanagers(desk)
    desk.upstream.prometheus.fire(fires(severity="info")["labels"])
    desk.pass_minutes(4)
    assert [one for one in active(desk) if one["service"] == "photos"] == []
