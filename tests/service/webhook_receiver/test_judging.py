"""When a wedding window opens, what is open is judged anew: it can only rise, and people are told."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cast import SATURDAY
from tests.receiver import Desk, alert, open_desk

FRIDAY = datetime(2026, 6, 12, 8, 0, tzinfo=UTC)
"""Friday 20:00 in Auckland, winter there; Saturday begins at 12:00 UTC, four hours on."""
MIDNIGHT = FRIDAY + timedelta(hours=4)


@pytest.fixture
def friday_desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with open_desk(tmp_path, database_url, FRIDAY, {}) as desk:
        yield desk


def slow_uploads(desk: Desk, region: str = "auckland", **more: str) -> dict[str, Any]:
    labels: dict[str, Any] = {
        "severity": "warning",
        "service": "photos",
        "type": "performance_degradation",
        "affects": "photo_upload",
    }
    return alert("WorkflowSlow", starts_at=desk.clock.now(), region=region, **{**labels, **more})


def jump_to(desk: Desk, moment: datetime) -> None:
    desk.clock.advance(moment - desk.clock.now())
    desk.turn()


def events(desk: Desk, kind: str) -> list[dict[str, Any]]:
    return [one["detail"] for one in desk.get("/incidents/1")["updates"] if one["kind"] == kind]


def test_an_incident_of_friday_becomes_critical_when_saturday_begins_at_the_venue(friday_desk: Desk) -> None:
    desk = friday_desk
    desk.alerts(slow_uploads(desk))
    desk.turn()
    before = desk.get("/incidents/1")
    assert (before["severity"], before["escalation_policy"]) == ("medium", "standard")
    desk.pass_minutes(5)
    desk.post("/incidents/1/acknowledge", {"by": "noor", "note": "can wait until Monday"})
    jump_to(desk, MIDNIGHT - timedelta(minutes=130))
    desk.post("/incidents/1/acknowledge", {"by": "noor"})
    jump_to(desk, MIDNIGHT - timedelta(minutes=60))
    desk.post("/incidents/1/acknowledge", {"by": "noor"})
    desk.pager.forget()
    jump_to(desk, MIDNIGHT - timedelta(seconds=10))
    assert desk.get("/incidents/1")["status"] == "investigating"
    assert desk.pager.people() == [], "a minute before, nobody is told"

    desk.pass_minutes(0.2)

    shown = desk.get("/incidents/1")
    assert (shown["severity"], shown["wedding_impact"], shown["status"]) == ("critical", "high", "open")
    assert (shown["escalation_policy"], shown["current_escalation_level"]) == ("wedding_day", 1)
    assert desk.pager.people() == ["ines", "noor"], "her acknowledgement was of something milder"
    (raised,) = events(desk, "severity_raised")
    assert (raised["old"], raised["new"], raised["policy"]) == ("medium", "critical", "wedding_day")
    assert raised["cause"] == "the calendar of an affected region"
    assert "Saturday in Pacific/Auckland" in raised["reasons"][0]

    desk.pager.forget()
    desk.pass_minutes(5)
    assert desk.pager.people() == ["grace", "ines"], "from there the new policy runs"


def test_other_regions_saturdays_raise_nothing(friday_desk: Desk) -> None:
    desk = friday_desk
    desk.alerts(slow_uploads(desk, "los_angeles"))
    jump_to(desk, FRIDAY + timedelta(hours=22))  # Saturday in Auckland, Sydney and London; Friday night over there

    assert desk.get("/incidents/1")["severity"] == "high", "June is peak season in Los Angeles, and it is only Friday"
    assert events(desk, "severity_raised") == []


def test_what_touches_no_wedding_stays_what_it_is(friday_desk: Desk) -> None:
    desk = friday_desk
    desk.alerts(slow_uploads(desk, affects="web"))
    jump_to(desk, MIDNIGHT + timedelta(hours=1))

    assert desk.get("/incidents/1")["severity"] == "medium"
    assert events(desk, "severity_raised") == events(desk, "policy_changed") == []


def test_nothing_falls_when_the_window_closes(tmp_path: Path, database_url: str) -> None:
    with open_desk(tmp_path, database_url, SATURDAY, {}) as desk:
        desk.alerts(slow_uploads(desk, "london"))
        desk.turn()
        jump_to(desk, SATURDAY + timedelta(days=2))

        shown = desk.get("/incidents/1")
        assert (shown["severity"], shown["escalation_policy"]) == ("critical", "wedding_day")
        assert events(desk, "severity_raised") == []


def test_an_alert_that_has_ended_raises_nothing_any_more(friday_desk: Desk) -> None:
    """The incident goes on for its other alert, which touches no wedding."""
    desk = friday_desk
    uploads, pages = slow_uploads(desk), slow_uploads(desk, affects="web", route="/albums")
    desk.alerts(uploads)
    desk.alerts(pages)
    desk.turn()
    desk.clock.advance(seconds=60)
    end = desk.clock.now().isoformat()
    desk.alerts({**uploads, "status": "resolved", "endsAt": end})
    desk.turn()
    jump_to(desk, MIDNIGHT + timedelta(minutes=20))

    assert len(desk.get("/incidents/1")["alerts"]) == 2
    assert desk.get("/incidents/1")["severity"] == "medium"


def test_an_incident_reported_by_hand_rises_too(friday_desk: Desk) -> None:
    desk = friday_desk
    report = {"title": "Uploads crawl", "service": "photos", "affects": ["photo_upload"], "region": "auckland"}
    desk.post("/incidents", report)
    desk.turn()
    desk.pager.forget()
    jump_to(desk, MIDNIGHT)

    assert desk.get("/incidents/1")["severity"] == "critical"
    assert desk.pager.people() == ["ines", "noor"]


def test_looking_again_is_no_news(friday_desk: Desk) -> None:
    desk = friday_desk
    desk.post("/incidents", {"title": "x", "service": "photos", "region": "london"})
    desk.post("/incidents/1/acknowledge")
    before = desk.get("/incidents/1")
    jump_to(desk, FRIDAY + timedelta(minutes=90))

    after = desk.get("/incidents/1")
    assert (after["updated_at"], len(after["updates"])) == (before["updated_at"], len(before["updates"]))
