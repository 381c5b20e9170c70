"""Without a database critical alerts still page, and Alertmanager hears 503."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cast import SATURDAY, TUESDAY
from tests.receiver import Desk, alert, webhook
from webhook_receiver.deadman.last_resort import MOST_WAITING, MOST_WAITING_BYTES
from webhook_receiver.notify.channels import ChannelError, Envelope
from wedsync_core.problems import Unavailable

UPLOADS: dict[str, Any] = {"severity": "critical", "service": "photos", "affects": "photo_upload", "region": "london"}


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Take a desk's database away; ``no_database(desk)`` is undone by ``monkeypatch.undo``."""

    def take(desk: Desk, error: Exception | None = None) -> None:
        @contextmanager
        def broken(**_patience: float) -> Iterator[None]:
            raise error or Unavailable("the database cannot be used right now")
            yield

        monkeypatch.setattr(desk.receiver.database, "write", broken)
        monkeypatch.setattr(desk.receiver.database, "read", broken)

    return take


def told(desk: Desk) -> list[tuple[str, str]]:
    return sorted((envelope.person, envelope.page.subject) for envelope in desk.pager.envelopes)


def test_a_critical_alert_that_cannot_be_kept_pages_the_emergency_role_and_who_is_on_call(
    saturday_desk: Desk, no_database: Any
) -> None:
    desk = saturday_desk
    no_database(desk)
    answer = desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    assert answer.status_code == 503
    assert desk.pager.people() == [], "the answer waits for no provider"

    assert desk.receiver.watchers.last_resort.work_off() > 0
    subject = "LAST RESORT [CRITICAL] Photo uploads are failing"
    assert told(desk) == [("grace", subject), ("ines", subject), ("noor", subject)]
    assert desk.console.people() == ["grace", "ines", "noor"], "by every way they have"
    assert "without the incident database" in desk.pager.envelopes[0].page.body
    # A scrape needs the database for some gauges only.
    assert desk.metric("wedsync_last_resort_pages_total", outcome="sent") == 6


def test_alertmanagers_repeats_page_nobody_for_a_quarter_of_an_hour(saturday_desk: Desk, no_database: Any) -> None:
    desk = saturday_desk
    no_database(desk)
    for _ in range(6):
        desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
        desk.receiver.watchers.last_resort.work_off()
    assert desk.pager.people() == ["grace", "ines", "noor"]
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS), alert("ServiceDown", starts_at=SATURDAY, **UPLOADS))
    desk.pager.forget()
    desk.receiver.watchers.last_resort.work_off()
    assert desk.pager.people() == ["grace", "ines", "noor"], "a new one is told"
    desk.clock.advance(seconds=15 * 60)
    desk.pager.forget()
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    desk.receiver.watchers.last_resort.work_off()
    assert desk.pager.people() == ["grace", "ines", "noor"], "and it is still true"


def test_what_is_not_critical_can_wait_for_the_database(tuesday_desk: Desk, no_database: Any) -> None:
    desk = tuesday_desk
    no_database(desk)
    desk.alerts(
        alert(starts_at=TUESDAY, **{**UPLOADS, "severity": "warning"}),
        alert("ServiceDown", status="resolved", starts_at=TUESDAY, ends_at=TUESDAY, **UPLOADS),
        alert("Watchdog", starts_at=TUESDAY, severity="none"),
    )
    assert desk.receiver.watchers.last_resort.work_off() == 0
    assert desk.pager.people() == []


def test_the_calendar_is_asked_and_when_it_fails_the_rule_alone_decides(
    saturday_desk: Desk, no_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = saturday_desk
    no_database(desk)
    warning = {**UPLOADS, "severity": "warning"}
    desk.alerts(alert(starts_at=SATURDAY, **warning))
    desk.receiver.watchers.last_resort.work_off()
    assert len(desk.pager.people()) == 3, "a workflow on the wedding Saturday"

    def fails(_now: object) -> None:
        raise RuntimeError("no calendar")

    monkeypatch.setattr(desk.receiver.watchers.last_resort, "_calendar", fails)
    desk.pager.forget()
    desk.alerts(
        alert("WorkflowSlow", starts_at=SATURDAY, **warning), alert("ServiceDown", starts_at=SATURDAY, **UPLOADS)
    )
    desk.receiver.watchers.last_resort.work_off()
    assert len(desk.pager.people()) == 3
    assert "and 1 more" not in desk.pager.envelopes[0].page.subject


def test_a_storm_is_one_page_each(saturday_desk: Desk, no_database: Any) -> None:
    desk = saturday_desk
    no_database(desk)
    storm = [alert(starts_at=SATURDAY, **UPLOADS, instance=f"photos-{number}") for number in range(300)]
    for one in storm:
        desk.alerts(one)
    desk.alerts(*storm)
    desk.receiver.watchers.last_resort.work_off()
    assert desk.pager.people() == ["grace", "ines", "noor"]
    assert desk.pager.envelopes[0].page.subject.endswith("(and 299 more)")


def test_what_waits_is_bounded_and_what_finds_no_room_is_counted(saturday_desk: Desk) -> None:
    desk = saturday_desk
    last_resort = desk.receiver.watchers.last_resort
    last_resort.offer(b"x" * (MOST_WAITING_BYTES // 2))
    last_resort.offer(b"x" * (MOST_WAITING_BYTES // 2 + 1))
    assert desk.metric("wedsync_last_resort_pages_total", outcome="dropped") == 1
    for _ in range(MOST_WAITING + 4):
        last_resort.offer(b"x")
    assert desk.metric("wedsync_last_resort_pages_total", outcome="dropped") == 6


def test_a_message_that_can_be_neither_kept_nor_read_is_told_once(saturday_desk: Desk, no_database: Any) -> None:
    desk = saturday_desk
    no_database(desk)
    for body in (b"\xff{", b"[]", b'{"version":"4","alerts":[7]}'):
        assert desk.call("POST", "/alertmanager", "alertmanager", data=body).status_code == 503
    desk.receiver.watchers.last_resort.work_off()
    assert desk.pager.people() == ["grace", "ines", "noor"]


def test_one_way_out_that_fails_costs_the_others_nothing(saturday_desk: Desk, no_database: Any) -> None:
    desk = saturday_desk
    no_database(desk)

    def refuses(_envelope: Envelope) -> None:
        raise ChannelError("the provider answered 500", permanent=False)

    desk.pager.answer = refuses
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    assert desk.receiver.watchers.last_resort.work_off() == 3
    assert desk.console.people() == ["grace", "ines", "noor"]
    assert desk.metric("wedsync_last_resort_pages_total", outcome="failed") == 3


def test_while_nobody_can_be_reached_nothing_passes_for_told(saturday_desk: Desk, no_database: Any) -> None:
    desk = saturday_desk
    no_database(desk)

    def breaks(_envelope: Envelope) -> None:
        raise RuntimeError("a fault in the channel itself")

    desk.pager.answer = desk.console.answer = breaks
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    assert desk.receiver.watchers.last_resort.work_off() == 0
    desk.pager.answer = desk.console.answer = lambda _envelope: None
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    assert desk.receiver.watchers.last_resort.work_off() == 6


def test_when_the_database_is_back_the_ordinary_way_works(
    saturday_desk: Desk, no_database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = saturday_desk
    no_database(desk)
    assert desk.alerts(alert(starts_at=SATURDAY, **UPLOADS)).status_code == 503
    desk.receiver.watchers.last_resort.work_off()
    monkeypatch.undo()
    desk.pager.forget()
    assert desk.alerts(alert(starts_at=SATURDAY, **UPLOADS)).status_code == 200
    desk.turn()
    assert desk.pager.people() == ["ines", "noor"], "again, and now it can be acknowledged"
    assert desk.receiver.watchers.last_resort.work_off() == 0


def test_a_fault_of_our_own_is_answered_503_and_told_too(saturday_desk: Desk, no_database: Any) -> None:
    desk = saturday_desk
    no_database(desk, RuntimeError("a fault"))
    answer = desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    assert (answer.status_code, answer.get_json()["retryable"]) == (503, True)
    assert desk.receiver.watchers.last_resort.work_off() > 0


def test_the_thread_tells_at_once_and_answers_wait_for_no_provider_that_hangs(
    saturday_desk: Desk, no_database: Any
) -> None:
    desk = saturday_desk
    no_database(desk)
    on_the_wire, let_go = threading.Event(), threading.Event()

    def hangs(_envelope: Envelope) -> None:
        on_the_wire.set()
        assert let_go.wait(10)

    desk.pager.answer = hangs
    last_resort = desk.receiver.watchers.last_resort
    last_resort.start()
    try:
        assert desk.alerts(alert(starts_at=SATURDAY, **UPLOADS)).status_code == 503
        assert on_the_wire.wait(10)
        for _ in range(20):
            assert desk.alerts(alert(starts_at=SATURDAY, **UPLOADS)).status_code == 503, "while the provider hangs"
    finally:
        let_go.set()
        last_resort.stop()
    assert desk.pager.people() == ["grace", "ines", "noor"]


def test_every_alert_of_the_message_is_read_when_one_is_poison(saturday_desk: Desk, no_database: Any) -> None:
    desk = saturday_desk
    no_database(desk)
    poison = {"status": "firing", "labels": 7}
    desk.post("/alertmanager", webhook(poison, alert(starts_at=SATURDAY, **UPLOADS)), role="alertmanager")
    desk.receiver.watchers.last_resort.work_off()
    assert desk.pager.people() == ["grace", "ines", "noor"]
    assert "Photo uploads are failing" in desk.pager.envelopes[0].page.body
