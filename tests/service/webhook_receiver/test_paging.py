"""From an alert to people: each sentence of the specification's two policies, and who must not be told."""

from datetime import timedelta
from typing import Any

from tests.cast import SATURDAY, TUESDAY
from tests.receiver import Desk, alert
from webhook_receiver.notify.channels import ChannelError, Envelope

UPLOADS: dict[str, Any] = {
    "severity": "critical",
    "service": "photos",
    "type": "service_failure",
    "affects": "photo_upload",
}


def only_incident(desk: Desk) -> dict[str, object]:
    (incident,) = desk.get("/incidents/active")
    assert isinstance(incident, dict)
    return incident


def test_on_a_wedding_saturday_everyone_is_told_in_turn_until_someone_answers(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    desk.turn()
    assert desk.pager.people() == ["ines", "noor"], "immediate: on-call engineer and platform lead"
    assert only_incident(desk)["escalation_policy"] == "wedding_day"

    desk.pager.forget()
    desk.pass_minutes(4.8)
    assert desk.pager.people() == [], "nobody else before five minutes"
    desk.pass_minutes(0.2)
    assert desk.pager.people() == ["grace", "ines"], "after five minutes: CTO and emergency contacts, each once"

    desk.pager.forget()
    desk.pass_minutes(9.8)
    assert desk.pager.people() == []
    desk.pass_minutes(0.2)
    assert desk.pager.people() == ["grace", "ines", "noor", "tomasz"], "after fifteen minutes: all hands"

    desk.pager.forget()
    desk.pass_minutes(10)
    assert desk.pager.people() == ["grace", "ines", "noor", "tomasz"], "and again, until somebody answers"


def test_on_an_ordinary_tuesday_the_standard_policy_runs(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    desk.alerts(alert(starts_at=TUESDAY, region="london", **UPLOADS))
    desk.turn()
    assert only_incident(desk)["severity"] == "high", "the rule's own critical is never less than high"
    assert desk.pager.people() == ["noor"]

    desk.pager.forget()
    desk.pass_minutes(9.8)
    assert desk.pager.people() == []
    desk.pass_minutes(0.2)
    assert desk.pager.people() == ["tomasz"], "after ten minutes: team lead"

    desk.pager.forget()
    desk.pass_minutes(19.8)
    assert desk.pager.people() == []
    desk.pass_minutes(0.2)
    assert desk.pager.people() == ["ines"], "after thirty minutes: platform lead"


def test_an_acknowledgement_stops_the_escalation_and_expires(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    desk.turn()
    incident_id = only_incident(desk)["id"]

    answer = desk.post(f"/incidents/{incident_id}/acknowledge", {"by": "noor", "note": "on it"}).get_json()
    assert answer["acknowledged"] is True
    assert answer["status"] == "investigating"
    desk.pager.forget()
    desk.pass_minutes(29.5)
    assert desk.pager.people() == [], "nobody is told while Noor has it"

    desk.pass_minutes(0.5)
    assert desk.pager.people() == ["ines", "noor"], "half an hour later nobody knows whether she is awake"
    kinds = [update["kind"] for update in desk.get(f"/incidents/{incident_id}")["updates"]]
    assert kinds.count("acknowledgement_expired") == 1


def test_an_alert_that_clears_resolves_the_incident_and_stops_the_pages(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    desk.turn()
    incident_id = only_incident(desk)["id"]
    desk.clock.advance(seconds=90)
    ended = alert(starts_at=SATURDAY, ends_at=desk.clock.now(), status="resolved", region="london", **UPLOADS)
    desk.alerts(ended)

    desk.pager.forget()
    desk.pass_minutes(60)

    assert desk.pager.people() == []
    assert desk.get("/incidents/active") == []
    resolved = desk.get(f"/incidents/{incident_id}")
    assert resolved["status"] == "resolved"
    assert resolved["alerts"][0]["state"] == "resolved"
    assert resolved["resolved_by"] == "alertmanager"


def test_the_same_message_a_hundred_times_is_one_incident_and_one_page_each(saturday_desk: Desk) -> None:
    desk = saturday_desk
    one = alert(starts_at=SATURDAY, region="london", **UPLOADS)
    for _ in range(100):
        assert desk.alerts(one).status_code == 200
    desk.turn()

    assert len(desk.get("/incidents/active")) == 1
    assert desk.pager.people() == ["ines", "noor"]
    (episode,) = desk.get(f"/incidents/{only_incident(desk)['id']}")["alerts"]
    assert episode["sightings"] == 100


def test_an_alert_that_fires_again_after_resolving_pages_again(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    desk.turn()
    desk.clock.advance(seconds=60)
    desk.alerts(alert(starts_at=SATURDAY, ends_at=desk.clock.now(), status="resolved", region="london", **UPLOADS))
    desk.turn()
    assert desk.get("/incidents/active") == []
    desk.clock.advance(seconds=60)
    desk.pager.forget()

    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))  # Alertmanager may keep the first start
    desk.turn()

    assert desk.pager.people() == ["ines", "noor"]


def test_a_late_resolution_of_an_earlier_life_does_not_close_the_present_one(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.clock.advance(seconds=600)
    desk.alerts(alert(starts_at=desk.clock.now(), region="london", **UPLOADS))
    old_end = SATURDAY + timedelta(seconds=60)
    desk.alerts(alert(starts_at=SATURDAY, ends_at=old_end, status="resolved", region="london", **UPLOADS))

    assert only_incident(desk)["status"] == "open"


def test_info_and_the_watchdog_open_nothing_and_wake_nobody(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(
        alert("Watchdog", starts_at=SATURDAY, severity="none"),
        alert("DeployFinished", starts_at=SATURDAY, severity="info", service="booking", affects="booking"),
    )
    desk.turn()

    assert desk.get("/incidents/active") == []
    assert desk.pager.envelopes == desk.console.envelopes == []
    assert desk.metric("wedsync_watchdog_last_seen_timestamp_seconds") == SATURDAY.timestamp()


def test_a_page_that_fails_is_tried_again_until_it_arrives(saturday_desk: Desk) -> None:
    desk = saturday_desk
    refusals = iter([True, True, True, True])

    def busy(_envelope: Envelope) -> None:
        if next(refusals, False):
            raise ChannelError("the provider answered 503", permanent=False)

    desk.pager.answer = busy
    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    desk.pass_minutes(1)

    assert desk.pager.people() == ["ines", "noor"]
    assert desk.metric("wedsync_pages_total", channel="pager", outcome="failed") == 4
    assert desk.metric("wedsync_outbox_depth") == 0


def test_a_page_refused_for_good_is_given_up_and_said_so(saturday_desk: Desk) -> None:
    desk = saturday_desk

    def gone(_envelope: Envelope) -> None:
        raise ChannelError("the provider answered 410", permanent=True)

    desk.pager.answer = gone
    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    desk.turn()

    shown = desk.get(f"/incidents/{only_incident(desk)['id']}")
    failed = [page for page in shown["notifications"] if page["state"] == "failed"]
    assert [(page["person"], page["last_error"]) for page in failed] == [
        ("noor", "the provider answered 410"),
        ("ines", "the provider answered 410"),
    ]
    assert desk.console.people() == ["ines", "noor"], "her other channel told her all the same"


def test_a_page_says_what_where_why_and_what_to_open(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    desk.turn()

    page = desk.pager.envelopes[0].page
    assert page.subject == "[CRITICAL] Photo uploads are failing (london)"
    assert "Why critical: photo_upload affected while london: Saturday in Europe/London." in page.body
    assert "Runbook: https://runbooks.example/WorkflowFailing.md" in page.body
    assert page.url.endswith("/api/monitoring/incidents/1")
