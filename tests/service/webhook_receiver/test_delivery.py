"""Pages on their way: other ways when one fails, what waits and why, every call kept, storms bundled."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cast import SATURDAY
from tests.receiver import Desk, alert, open_desk
from webhook_receiver.notify.channels import ChannelError, Envelope
from webhook_receiver.notify.pipeline import SENDERS

UPLOADS: dict[str, Any] = {
    "severity": "critical",
    "service": "photos",
    "type": "service_failure",
    "affects": "photo_upload",
}
BOTH_WAYS = """
name: Noor Haddad
zone: Europe/London
contact:
  - {channel: pager, address: noor, severities: [critical, high]}
  - {channel: console, address: noor, severities: [medium, low]}
"""
"""A pager, and something else that a critical page takes when the pager brings no answer."""
ONLY_NOOR = {
    "WEDSYNC__PEOPLE__NOOR": BOTH_WAYS,
    "WEDSYNC__ROLES": "{on_call_engineer: [noor], team_lead: [noor], platform_lead: [noor], cto: [noor], "
    "emergency_contacts: [noor]}",
}


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    """Saturday; Noor alone is told, by her pager and then by her console."""
    with open_desk(tmp_path, database_url, SATURDAY, ONLY_NOOR) as opened:
        yield opened


def report(desk: Desk, title: str, **more: Any) -> None:
    """An incident of its own, low unless ``more`` says what is affected: reports are not folded into one another."""
    assert desk.post("/incidents", {"title": title, "service": "photos", "type": "capacity", **more}).status_code == 201


def uploads_reported(desk: Desk, count: int) -> None:
    for number in range(count):
        report(desk, f"Uploads fail {number}", affects=["photo_upload"], region="london")
    desk.turn()


def pages_of(desk: Desk, incident_id: int = 1) -> dict[str, Any]:
    """The first page of each channel, as the incident shows it."""
    shown = desk.get(f"/incidents/{incident_id}")["notifications"]
    return {page["channel"]: page for page in reversed(shown)}


def fails(times: int, **how: Any) -> Any:
    """A provider that fails so many times."""
    left = iter(range(times))

    def answer(_envelope: Envelope) -> None:
        if next(left, None) is not None:
            raise ChannelError("the provider answered 503", **{"permanent": False, **how})

    return answer


def uploads_fail(desk: Desk, **labels: str) -> None:
    desk.alerts(alert(starts_at=desk.clock.now(), region="london", **{**UPLOADS, **labels}))
    desk.turn()


@contextmanager
def stuck(phone: Any) -> Iterator[threading.Event]:
    """Let a channel hang until the block ends."""
    let_go = threading.Event()
    entered = threading.Event()

    def hang(_envelope: Envelope) -> None:
        entered.set()
        assert let_go.wait(30)

    phone.answer = hang
    try:
        yield entered
    finally:
        phone.answer = lambda _envelope: None
        let_go.set()


def test_a_second_way_is_taken_within_the_minute_when_nobody_answers_the_first(desk: Desk) -> None:
    uploads_fail(desk)
    assert (desk.pager.people(), desk.console.people()) == (["noor"], [])
    assert pages_of(desk)["console"]["waits"]["for"] == "step"

    desk.pass_minutes(0.7)
    assert desk.console.people() == []
    desk.pass_minutes(0.2)
    assert desk.console.people() == ["noor"], "the provider took it and it never arrived: nobody knows, so it is told"


def test_a_second_way_is_not_taken_once_somebody_has_answered(desk: Desk) -> None:
    uploads_fail(desk)
    desk.post("/incidents/1/acknowledge", {"by": "noor"})
    desk.pass_minutes(2)

    assert desk.console.people() == []
    assert pages_of(desk)["console"]["state"] == "cancelled"


@pytest.mark.parametrize("how", [{}, {"permanent": True}, {"unknown": True}], ids=["fails", "refuses", "hangs"])
def test_a_second_way_is_taken_at_once_when_the_first_fails(desk: Desk, how: dict[str, bool]) -> None:
    desk.pager.answer = fails(100, **how)
    uploads_fail(desk)

    assert desk.console.people() == ["noor"]
    assert desk.clock.now() == SATURDAY


def test_escalation_goes_on_and_nothing_is_lost_while_a_provider_is_down(desk: Desk) -> None:
    desk.pager.answer = fails(10_000)
    uploads_fail(desk)
    desk.pass_minutes(15)
    assert desk.get("/incidents/1")["current_escalation_level"] == 3
    assert desk.pager.people() == []

    desk.pager.answer = lambda _envelope: None
    desk.pass_minutes(1.2)
    told = {mention.incident_id for one in desk.pager.envelopes for mention in one.page.incidents} | {
        one.page.incident_id for one in desk.pager.envelopes
    }
    assert told == {"1"}
    states = {page["state"] for page in desk.get("/incidents/1")["notifications"] if page["channel"] == "pager"}
    assert states == {"sent"}


def test_every_call_is_kept_with_what_came_of_it(desk: Desk) -> None:
    desk.pager.answer = fails(1)
    uploads_fail(desk)
    desk.pass_minutes(0.2)

    page = pages_of(desk)["pager"]
    assert [(call["outcome"], call["problem"]) for call in page["attempts_log"]] == [
        ("failed", "the provider answered 503"),
        ("sent", None),
    ]
    assert all(call["finished_at"] for call in page["attempts_log"])
    assert page["state"] == "sent"
    assert "noor@" not in str(page)
    assert "address" not in page


def test_a_provider_that_asks_for_patience_gets_it(desk: Desk) -> None:
    desk.pager.answer = fails(1, retry_after=timedelta(seconds=50))
    uploads_fail(desk)
    desk.pass_minutes(0.7)
    assert desk.pager.people() == []
    desk.pass_minutes(0.2)
    assert desk.pager.people() == ["noor"]


def test_a_page_in_doubt_goes_again_under_its_own_key_and_says_so(desk: Desk) -> None:
    seen: list[str] = []

    def took_it_and_hung(envelope: Envelope) -> None:
        seen.append(envelope.idempotency_key)
        raise ChannelError("no answer within 8 s", permanent=False, unknown=True)

    desk.pager.answer = took_it_and_hung
    uploads_fail(desk)
    desk.pager.answer = lambda _envelope: None
    desk.pass_minutes(0.2)

    (again,) = desk.pager.envelopes
    assert [again.idempotency_key] == seen
    assert again.maybe_repeat is True


def test_a_lost_sender_is_noticed_and_its_page_goes_again_with_the_same_key(desk: Desk) -> None:
    """The sender is stopped between the provider's acceptance and the record, as a killed process is."""
    lost = threading.Event()

    def die(*_arguments: object) -> None:
        lost.set()
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk.receiver.delivery._sending, "_record", die)
        uploads_fail(desk)
    assert lost.is_set()
    (first,) = desk.pager.envelopes
    assert pages_of(desk)["pager"]["attempts_log"][0]["outcome"] == "sending"

    desk.pass_minutes(0.4)
    assert len(desk.pager.envelopes) == 1, "its lease still runs"
    desk.pass_minutes(0.2)

    again = desk.pager.envelopes[1]
    assert (again.idempotency_key, again.maybe_repeat) == (first.idempotency_key, True)
    page = pages_of(desk)["pager"]
    assert [call["outcome"] for call in page["attempts_log"]] == ["unknown", "sent"]
    assert desk.console.people() == ["noor"], "nobody knew whether the pager had it: the next way was taken at once"
    assert desk.metric("wedsync_lease_expiries_total") == 1


def test_a_hanging_channel_does_not_delay_another(desk: Desk) -> None:
    with stuck(desk.console) as entered:
        for number in range(SENDERS + 3):
            report(desk, f"Disk {number} fills")
        while desk.receiver.ticker.turn():
            pass
        assert entered.wait(10), "the console has all its senders in hand"

        desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
        while desk.receiver.ticker.turn():
            pass
        arrived = threading.Event()
        for _ in range(500):
            if desk.pager.people():
                break
            arrived.wait(0.02)
        assert desk.pager.people() == ["noor"]
    assert desk.receiver.delivery.wait_until_idle(10)
    desk.turn()
    assert len(desk.console.envelopes) == SENDERS + 3


def test_what_can_wait_is_held_over_the_night_and_shown_so(tmp_path: Path, database_url: str) -> None:
    night = BOTH_WAYS + 'quiet_hours: {begins: "14:00", ends: "18:00"}\n'  # it is 15:00 in London
    with open_desk(tmp_path, database_url, SATURDAY, {**ONLY_NOOR, "WEDSYNC__PEOPLE__NOOR": night}) as desk:
        report(desk, "A disk fills")
        desk.turn()
        page = pages_of(desk)["console"]
        assert (page["state"], page["waits"]) == (
            "held",
            {"for": "quiet_hours", "until": "2026-06-13T17:00:00.000Z"},
        )
        assert desk.metric("wedsync_outbox_depth") == 0
        assert desk.metric("wedsync_outbox_oldest_seconds") == 0

        uploads_fail(desk)
        assert desk.pager.people() == ["noor"], "the night never holds what is critical"
        desk.clock.advance(hours(2.9))
        desk.turn()
        assert "1" not in [one.page.incident_id for one in desk.console.envelopes]
        desk.clock.advance(hours(0.2))
        desk.turn()
        assert "1" in [one.page.incident_id for one in desk.console.envelopes]


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


LIMITED = {**ONLY_NOOR, "WEDSYNC__CHANNELS__PAGER__LIMIT": "{messages: 5, per: 15m}"}


def named(envelope: Envelope) -> list[str]:
    return [one.incident_id for one in envelope.page.incidents] or [envelope.page.incident_id]


def test_a_storm_is_a_few_messages_that_name_every_critical_incident(tmp_path: Path, database_url: str) -> None:
    with open_desk(tmp_path, database_url, SATURDAY, LIMITED) as desk:
        for _ in range(20):
            uploads_reported(desk, 6)
            desk.pass_minutes(0.5)
        desk.pass_minutes(5.2)

        critical = {one["id"] for one in desk.get("/incidents/active") if one["severity"] == "critical"}
        assert len(critical) == 120
        within = [one for one in desk.pager.envelopes if one.sent_at < SATURDAY + timedelta(minutes=15)]
        assert len(within) <= 5
        assert {number for one in desk.pager.envelopes for number in named(one)} >= critical
        bundled = [one for one in within if one.page.incidents]
        some = desk.get(f"/incidents/{bundled[0].page.incidents[0].incident_id}")
        sent = [page for page in some["notifications"] if page["channel"] == "pager" and page["bundle"]]
        assert {page["state"] for page in sent} == {"sent"}
        assert bundled[0].idempotency_key in {page["bundle"] for page in sent}


def test_a_critical_incident_in_a_storm_of_others_is_told_at_once(tmp_path: Path, database_url: str) -> None:
    limited = {**ONLY_NOOR, "WEDSYNC__CHANNELS__CONSOLE__LIMIT": "{messages: 4, per: 10m}"}
    limited["WEDSYNC__PEOPLE__NOOR"] = "{name: Noor, contact: [{channel: console, address: noor}]}"
    with open_desk(tmp_path, database_url, SATURDAY, limited) as desk:
        for number in range(48):
            report(desk, f"Disk {number} fills")
            desk.turn()
        before = len(desk.console.envelopes)
        assert before <= 2, "what can wait fills a part of the slots only"
        waiting = [
            page
            for one in desk.get("/incidents/active")
            for page in desk.get(f"/incidents/{one['id']}")["notifications"]
            if page["state"] == "queued"
        ]
        assert {page["waits"]["for"] for page in waiting} == {"limit"}
        assert desk.metric("wedsync_outbox_oldest_seconds") == 0, "waiting for its slot is not being late"

        uploads_fail(desk)
        (message,) = desk.console.envelopes[before:]
        assert message.page.severity == "critical"
        assert len(message.page.incidents) == len(waiting) + 1, "and takes along all that waited"


def test_a_bundle_in_doubt_goes_again_whole_under_its_key(tmp_path: Path, database_url: str) -> None:
    with open_desk(tmp_path, database_url, SATURDAY, LIMITED) as desk:
        keys: list[str] = []

        def hang(envelope: Envelope) -> None:
            keys.append(envelope.idempotency_key)
            raise ChannelError("no answer within 8 s", permanent=False, unknown=True)

        desk.pager.answer = hang
        uploads_reported(desk, 6)
        (first,) = set(keys)
        desk.pager.answer = lambda _envelope: None
        desk.pass_minutes(0.2)

        (again,) = desk.pager.envelopes
        assert (again.idempotency_key, again.maybe_repeat) == (first, True)
        assert named(again) == [str(number) for number in range(1, 7)]


def test_one_refusal_of_a_bundle_gives_up_no_page_in_it(tmp_path: Path, database_url: str) -> None:
    with open_desk(tmp_path, database_url, SATURDAY, LIMITED) as desk:
        desk.pager.answer = fails(1, permanent=True)
        uploads_reported(desk, 6)
        desk.pass_minutes(0.2)

        assert {number for one in desk.pager.envelopes for number in named(one)} == {str(n) for n in range(1, 7)}


def test_what_was_acknowledged_meanwhile_leaves_its_bundle(tmp_path: Path, database_url: str) -> None:
    with open_desk(tmp_path, database_url, SATURDAY, LIMITED) as desk:
        desk.pager.answer = fails(1)
        uploads_reported(desk, 6)
        desk.post("/incidents/3/acknowledge", {"by": "noor"})
        desk.pass_minutes(0.2)

        told = {number for one in desk.pager.envelopes for number in named(one)}
        assert told == {"1", "2", "4", "5", "6"}


def test_a_page_for_a_channel_that_is_no_more_is_given_up_and_said_so(desk: Desk) -> None:
    del desk.receiver.delivery._sending._channels["pager"]  # type: ignore[attr-defined]
    uploads_fail(desk)

    page = pages_of(desk)["pager"]
    assert (page["state"], page["last_error"]) == ("failed", "there is no channel 'pager' any more")
    assert desk.console.people() == ["noor"]
