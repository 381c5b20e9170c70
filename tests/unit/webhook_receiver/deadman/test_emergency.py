"""What pages without a database, and what such a page says."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY, TUESDAY
from tests.receiver import alert
from webhook_receiver.alerts.contract import Sighting, read_alert
from webhook_receiver.deadman.emergency import (
    MOST_NAMED,
    Emergency,
    compose_last_resort,
    critical_by_calendar,
    critical_by_rule,
    emergencies,
    key_of_page,
)
from webhook_receiver.notify.message import LONGEST_SUBJECT
from wedsync_core.season import Region, WeddingIndex, facts
from wedsync_core.severity import SeveritySettings

LONDON = [Region("london", "Europe/London", "north", None)]


def sighting(alertname: str = "WorkflowFailing", status: str = "firing", **labels: Any) -> Sighting:
    return read_alert(alert(alertname, status=status, starts_at=SATURDAY, **labels), SATURDAY)


def test_what_fires_and_is_critical_by_its_rule_pages_whatever_the_day() -> None:
    found = emergencies(
        [
            sighting(severity="critical"),
            sighting(severity="warning"),
            sighting(severity="critical", status="resolved", region="london"),
            sighting("Watchdog", severity="critical"),
        ],
        critical_by_rule,
    )
    assert [one.title for one in found] == ["Photo uploads are failing"]


def test_the_calendar_makes_a_warning_of_a_workflow_critical_on_a_wedding_saturday_only() -> None:
    warning = sighting(severity="warning", affects="photo_upload", region="london")
    info = sighting(severity="info", affects="photo_upload", region="london")
    on = {
        moment: critical_by_calendar(facts(moment, LONDON, WeddingIndex()), SeveritySettings())
        for moment in (SATURDAY, TUESDAY)
    }
    assert on[SATURDAY](warning.labels)
    assert not on[TUESDAY](warning.labels)
    assert not on[SATURDAY](info.labels), "recorded only, on any day"


def test_a_page_is_marked_and_names_everything_up_to_a_bound() -> None:
    many = [Emergency(f"f{number}", f"alert number {number:03}") for number in range(MOST_NAMED + 7)]
    page = compose_last_resort(many, "http://receiver:8082")
    assert page.subject == f"LAST RESORT [CRITICAL] alert number 000 (and {MOST_NAMED + 6} more)"
    assert f"alert number {MOST_NAMED - 1:03}" in page.body
    assert f"alert number {MOST_NAMED:03}" not in page.body
    assert "... and 7 more." in page.body


def test_secrets_do_not_leave_by_the_last_resort_either() -> None:
    page = compose_last_resort([Emergency("f", "login failed for password=hunter2hunter2")], "http://receiver:8082")
    assert "hunter2" not in page.subject + page.body


@given(st.lists(st.builds(Emergency, st.text(), st.text(), st.text(), st.text()), min_size=1, max_size=80))
def test_a_page_is_bounded_whatever_it_says(found: list[Emergency]) -> None:
    page = compose_last_resort(found, "http://receiver:8082")
    assert len(page.subject) <= LONGEST_SUBJECT
    assert len(page.body) < (MOST_NAMED + 4) * 600


def test_two_replicas_that_tell_the_same_share_a_key() -> None:
    one, other = Emergency("a", "x"), Emergency("b", "y")
    key = key_of_page([one, other], "noor", "pager", 7)
    assert key == key_of_page([other, one], "noor", "pager", 7)
    assert key != key_of_page([one], "noor", "pager", 7)
    assert key != key_of_page([one, other], "noor", "pager", 8), "later it is told again"
    assert len(key) <= 200
