"""Apart from the loop: the auditor finds what the loop has left undone, and says so past it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from tests.cast import SATURDAY, TUESDAY
from tests.fakes import HttpSink
from tests.receiver import Desk, alert, open_desk
from webhook_receiver.alerts import store as alerts
from webhook_receiver.deadman.auditor import FRESH, Auditor
from webhook_receiver.deadman.findings import Kind
from webhook_receiver.deadman.heartbeat import Heartbeat
from webhook_receiver.deadman.metrics import HeartbeatMetrics
from webhook_receiver.schema import EPISODES, INCIDENTS, NOTIFICATIONS
from wedsync_core.problems import Unavailable

UPLOADS: dict[str, Any] = {"severity": "critical", "service": "photos", "affects": "photo_upload", "region": "london"}


def auditor(desk: Desk) -> Auditor:
    return desk.receiver.watchers.auditor


def found(desk: Desk) -> set[str]:
    return {finding.kind.value for finding in auditor(desk).look()}


def leave_alone(desk: Desk, seconds: float) -> None:
    """Let time pass with the loop turning over nothing: whatever is due stays undone, and the loop looks alive."""
    desk.clock.advance(seconds=seconds)
    desk.receiver.ticker._last_success = desk.clock.monotonic()


def write(desk: Desk, statement: Any) -> None:
    with desk.receiver.database.write() as transaction:
        transaction.execute(statement)


def test_a_receiver_that_works_shows_nothing_however_much_happens(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    for _ in range(12):
        desk.pass_minutes(2)
        assert found(desk) == set()
    assert auditor(desk).well()
    assert desk.metric("wedsync_audit_last_run_timestamp_seconds") == desk.clock.now().timestamp()
    for kind in Kind:
        assert desk.metric("wedsync_audit_findings", kind=kind.value) == 0


def test_an_escalation_step_that_is_not_taken(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.turn()
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    leave_alone(desk, 60)
    assert found(desk) == set()
    leave_alone(desk, 1)
    assert found(desk) == {"escalation_overdue"}
    assert desk.metric("wedsync_audit_findings", kind="escalation_overdue") == 1
    assert not auditor(desk).well()
    desk.turn()
    assert found(desk) == set()


def test_a_page_that_is_not_sent_and_one_whose_sender_died(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    desk.turn()
    write(desk, update(NOTIFICATIONS).values(state="queued", finished_at=None))
    write(desk, update(INCIDENTS).values(next_escalation_at=desk.clock.now() + timedelta(hours=1)))
    leave_alone(desk, 61)
    assert found(desk) == {"page_unsent"}
    write(desk, update(NOTIFICATIONS).values(state="sending", lease_until=desk.clock.now()))
    assert found(desk) == set()
    leave_alone(desk, 61)
    assert found(desk) == {"lease_expired"}


def test_a_message_that_is_kept_and_not_processed(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.turn()
    with desk.receiver.database.write() as transaction:
        alerts.keep_message(transaction, b"{}", desk.clock.now())
    leave_alone(desk, 61)
    assert found(desk) == {"message_unprocessed"}


def test_an_open_incident_that_nothing_would_ever_look_at_again(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    desk.turn()
    write(desk, update(INCIDENTS).values(next_escalation_at=None))
    leave_alone(desk, 61)
    assert found(desk) == {"incident_without_next_step"}
    silenced = {"kind": "window", "name": "1", "reason": "new disks", "until": None}
    write(desk, update(INCIDENTS).values(suppressed_by=silenced))
    assert found(desk) == set(), "asleep on purpose"


def test_a_policy_that_has_run_out_is_an_end_and_no_finding(tmp_path: Path, database_url: str) -> None:
    changes = {"WEDSYNC__ESCALATION__POLICIES__WEDDING_DAY__REPEAT_EVERY": "null"}
    with open_desk(tmp_path, database_url, SATURDAY, changes) as desk:
        desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
        desk.pass_minutes(40)
        (incident,) = desk.get("/incidents/active")
        assert incident["next_escalation_at"] is None
        assert found(desk) == set()


def test_an_alert_that_waits_to_be_confirmed_for_ever(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.turn()
    write(desk, insert(EPISODES).values(_episode(desk.clock.now())))
    leave_alone(desk, 61)
    assert found(desk) == {"episode_unconfirmed"}


def test_a_loop_that_has_stopped_and_a_database_that_is_gone(
    saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = saturday_desk
    desk.turn()
    desk.clock.advance(seconds=16)
    assert found(desk) == {"ticker_stalled"}
    monkeypatch.setattr(auditor(desk)._database, "read", _unavailable)
    assert found(desk) == {"ticker_stalled", "database_unreachable"}
    monkeypatch.undo()
    desk.turn()
    assert found(desk) == set()


def test_what_is_critical_and_stays_overdue_is_told_past_the_loop(saturday_desk: Desk) -> None:
    desk = saturday_desk
    last_resort = desk.receiver.watchers.last_resort
    desk.turn()
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    for _ in range(12):
        leave_alone(desk, 10)
        auditor(desk).look()
        assert last_resort.work_off() == 0, "not before two minutes"
    for _ in range(6):
        leave_alone(desk, 10)
        auditor(desk).look()
        last_resort.work_off()
    assert desk.pager.people() == ["grace", "ines", "noor"], "once each"
    assert "escalation steps are overdue" in desk.pager.envelopes[0].page.subject


def test_what_is_overdue_and_not_critical_is_shown_and_not_told(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    desk.turn()
    desk.alerts(alert("WorkflowSlow", starts_at=TUESDAY, severity="warning", service="photos"))
    for _ in range(30):
        leave_alone(desk, 10)
        auditor(desk).look()
    assert desk.metric("wedsync_audit_findings", kind="escalation_overdue") == 1
    assert desk.receiver.watchers.last_resort.work_off() == 0


def test_a_clock_that_leaps_two_hours_tells_nobody(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.alerts(alert(starts_at=SATURDAY, **UPLOADS))
    desk.turn()
    desk.pager.forget()
    auditor(desk).look()
    desk.clock.set(desk.clock.now() + timedelta(hours=2))
    auditor(desk).look()
    desk.turn()
    auditor(desk).look()
    assert desk.receiver.watchers.last_resort.work_off() == 0


def test_a_database_that_stays_away_is_told_too(saturday_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = saturday_desk
    monkeypatch.setattr(auditor(desk)._database, "read", _unavailable)
    for _ in range(14):
        leave_alone(desk, 10)
        auditor(desk).look()
    desk.receiver.watchers.last_resort.work_off()
    assert desk.pager.people() == ["grace", "ines", "noor"]
    assert "the incident database does not answer" in desk.pager.envelopes[0].page.subject


class Observer:
    """Somebody outside, who calls when the heartbeat stops."""

    def __init__(self, desk: Desk, sink: HttpSink, file: Path) -> None:
        from prometheus_client import CollectorRegistry

        self.sink = sink
        file.write_text(f"{sink.url}/ping/a-secret-path\n")
        self.heartbeat = Heartbeat(
            url_file=file,
            every=timedelta(seconds=60),
            well=auditor(desk).well,
            metrics=HeartbeatMetrics(CollectorRegistry()),
        )


@pytest.fixture
def observer(saturday_desk: Desk, tmp_path: Path) -> Iterator[Observer]:
    with HttpSink() as sink:
        yield Observer(saturday_desk, sink, tmp_path / "heartbeat_url")


def test_the_heart_beats_only_while_the_auditor_looks_and_finds_nothing(
    saturday_desk: Desk, observer: Observer
) -> None:
    desk, beat = saturday_desk, observer.heartbeat.beat
    assert beat() == "withheld", "nobody has looked yet"
    desk.turn()
    auditor(desk).look()
    assert beat() == "sent"
    assert observer.sink.received[0].path == "/ping/a-secret-path"
    desk.clock.advance(seconds=16)
    auditor(desk).look()
    assert beat() == "withheld", "the loop has stopped"
    desk.turn()
    auditor(desk).look()
    assert beat() == "sent"
    leave_alone(desk, FRESH.total_seconds())
    assert beat() == "withheld", "the auditor himself has stopped looking"
    assert len(observer.sink.received) == 2


@pytest.mark.parametrize("trouble", ["refused", "redirected", "gone", "no file", "no url"])
def test_a_beat_that_fails_is_told_without_the_url(
    saturday_desk: Desk, observer: Observer, tmp_path: Path, capsys: pytest.CaptureFixture[str], trouble: str
) -> None:
    desk, file = saturday_desk, tmp_path / "heartbeat_url"
    desk.turn()
    auditor(desk).look()
    if trouble == "refused":
        observer.sink.answer = 500
    elif trouble == "redirected":
        observer.sink.answer = lambda _request: (302, {"Location": f"{observer.sink.url}/elsewhere"}, b"")
    elif trouble == "gone":
        observer.sink.stop()
    elif trouble == "no file":
        file.unlink()
    else:
        file.write_text("a-secret-path without a scheme")
    capsys.readouterr()
    assert observer.heartbeat.beat() == "failed"
    said = "".join(capsys.readouterr())
    assert "heartbeat_failed" in said
    assert "a-secret-path" not in said
    assert str(observer.sink.url) not in said


def test_without_an_observer_nothing_beats(saturday_desk: Desk) -> None:
    desk = saturday_desk
    desk.turn()
    auditor(desk).look()
    assert desk.receiver.watchers.heartbeat.beat() == "withheld"


def test_the_threads_start_and_stop(saturday_desk: Desk) -> None:
    saturday_desk.receiver.watchers.start()
    saturday_desk.receiver.watchers.stop()


@contextmanager
def _unavailable(**_patience: float) -> Iterator[None]:
    raise Unavailable("the database cannot be used right now")
    yield


def _episode(now: datetime) -> dict[str, Any]:
    return {
        "fingerprint": "f",
        "state": "firing",
        "labels": {},
        "annotations": {},
        "starts_at": now,
        "generator_url": "",
        "group_key": "",
        "first_seen_at": now,
        "last_seen_at": now,
        "sightings": 1,
        "confirm_by": now,
    }
