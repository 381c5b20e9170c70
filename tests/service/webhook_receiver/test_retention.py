"""What is over goes when it is old; what is open, waits or fires stays, whatever its age."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import Table, func, insert, select, update

from tests.cast import SATURDAY, TUESDAY
from tests.fakes import FakeClock
from tests.receiver import Desk, alert
from webhook_receiver import schema
from webhook_receiver.retention.metrics import RetentionMetrics
from webhook_receiver.retention.service import Retention
from webhook_receiver.retention.store import OF_A_RUN, OF_AN_INCIDENT, TABLES
from wedsync_core.settings.engine import RetentionSettings
from wedsync_core.storage import Database, Transaction, migrate

FAILING: dict[str, Any] = {"severity": "critical", "service": "photos", "type": "photo_upload_failure"}
KEEPING = RetentionSettings()
NAME = "wedsync_incident_rows_pruned_total"


def rows(database: Database, table: Table) -> int:
    with database.read() as transaction:
        return int(transaction.execute(select(func.count()).select_from(table)).scalar_one())


def failed_and_over(desk: Desk) -> int:
    """An alert fires, noor takes the incident, and it clears; returns its number."""
    desk.alerts(alert(starts_at=desk.clock.now(), region="london", **FAILING))
    desk.turn()
    number = int(desk.get("/incidents/active")[0]["id"])
    assert desk.post(f"/incidents/{number}/acknowledge", {"by": "noor"}).status_code == 200
    gone = alert(status="resolved", starts_at=desk.clock.now(), ends_at=desk.clock.now(), region="london", **FAILING)
    desk.alerts(gone)
    desk.turn()
    assert desk.get(f"/incidents/{number}")["status"] == "resolved"
    return number


def report(desk: Desk) -> int:
    answer = desk.post("/incidents", {"title": "uploads stall"}, headers={"Idempotency-Key": str(next(_NUMBERS))})
    assert answer.status_code == 201, answer.text
    desk.turn()
    return int(answer.get_json()["incidentId"])


_NUMBERS = count(1)


def test_pages_go_first_and_the_incident_with_all_its_rows_when_its_season_has_come_twice(saturday_desk: Desk) -> None:
    desk = saturday_desk
    old = failed_and_over(desk)
    still_open = report(desk)
    before = desk.get(f"/incidents/{old}")
    assert before["notifications"]
    assert before["alerts"]
    assert before["acknowledgements"]
    pages_of_open = len(desk.get(f"/incidents/{still_open}")["notifications"])
    assert pages_of_open

    desk.clock.advance(timedelta(days=91))
    desk.turn()
    after = desk.get(f"/incidents/{old}")
    assert after["notifications"] == []
    assert after["updates"] == before["updates"]
    assert after["alerts"] == before["alerts"]
    assert len(desk.get(f"/incidents/{still_open}")["notifications"]) >= pages_of_open
    assert desk.metric(NAME, table="notifications")
    assert desk.metric(NAME, table="delivery_attempts")
    assert desk.metric(NAME, table="incidents") == 0

    desk.clock.advance(timedelta(days=310))
    desk.turn()
    assert desk.call("GET", f"/incidents/{old}", "viewer").status_code == 404
    assert desk.get(f"/incidents/{still_open}")["status"] == "open"
    assert desk.metric(NAME, table="incidents") == 1
    with desk.receiver.database.read() as transaction:
        for table in OF_AN_INCIDENT:
            left = select(func.count()).select_from(table).where(table.c.incident_id == old)
            assert transaction.execute(left).scalar_one() == 0, table.name


def test_an_answer_is_repeated_for_a_week(saturday_desk: Desk) -> None:
    desk = saturday_desk
    key, body = {"Idempotency-Key": "tap-1"}, {"title": "uploads stall"}
    first = desk.post("/incidents", body, headers=key).get_json()["incidentId"]
    for days, replayed in ((6.9, True), (0.2, False)):
        desk.clock.advance(timedelta(days=days))
        desk.turn()
        again = desk.post("/incidents", body, headers=key)
        assert ("Idempotent-Replay" in again.headers) is replayed
        assert (again.get_json()["incidentId"] == first) is replayed


def test_a_number_is_never_given_twice(saturday_desk: Desk) -> None:
    desk = saturday_desk
    first = failed_and_over(desk)
    desk.clock.advance(timedelta(days=401))
    desk.turn()
    assert desk.get(f"/incidents/{first}")["status"] == "resolved", "nothing has come after it"
    second = report(desk)
    assert second > first
    desk.clock.advance(timedelta(days=1))
    desk.turn()
    assert desk.call("GET", f"/incidents/{first}", "viewer").status_code == 404


def test_a_clock_that_is_a_year_and_more_ahead_takes_no_history(saturday_desk: Desk) -> None:
    desk = saturday_desk
    old = failed_and_over(desk)
    report(desk)
    pages = desk.get(f"/incidents/{old}")["notifications"]
    now = desk.clock.now()
    desk.clock.set(now + timedelta(days=500))
    for _ in range(6):
        desk.clock.advance(timedelta(minutes=10))
        desk.turn()
    desk.clock.set(now + timedelta(hours=1))
    desk.turn()
    assert desk.get(f"/incidents/{old}")["notifications"] == pages


def test_what_was_merged_goes_after_the_incident_it_was_merged_into(tuesday_desk: Desk) -> None:
    desk = tuesday_desk
    other, main = report(desk), report(desk)
    merged = desk.post(f"/incidents/{other}/merge", {"into": str(main)})
    assert merged.status_code == 200, merged.text
    desk.clock.advance(timedelta(days=401))
    desk.turn()
    assert str(other) in desk.get(f"/incidents/{main}/timeline")["merged"]


def test_every_table_that_refers_to_incidents_is_pruned_with_them() -> None:
    for parent, children in ((schema.INCIDENTS, OF_AN_INCIDENT), (schema.RUNBOOK_RUNS, OF_A_RUN)):
        refers = {
            table.name
            for table in schema.METADATA.tables.values()
            if any(key.column.table is parent for key in table.foreign_keys)
        }
        assert refers == {table.name for table in children}
        assert refers < set(TABLES)


def test_an_incident_goes_with_its_runs_and_never_before_they_are_over(saturday_desk: Desk) -> None:
    desk = saturday_desk
    old = failed_and_over(desk)
    report(desk)
    run = _run(desk, old, finished=False)
    desk.clock.advance(timedelta(days=401))
    desk.turn()
    assert desk.get(f"/incidents/{old}")["alerts"]
    with desk.receiver.database.write() as transaction:
        ended = update(schema.RUNBOOK_RUNS).where(schema.RUNBOOK_RUNS.c.id == run)
        transaction.execute(ended.values(state="succeeded", finished_at=SATURDAY))
    _run(desk, None, finished=True)
    desk.clock.advance(timedelta(days=1))
    desk.turn()
    assert desk.call("GET", f"/incidents/{old}", "viewer").status_code == 404
    assert rows(desk.receiver.database, schema.RUNBOOK_STEPS) == 1


# --- Whatever is there: nothing that is open, waits or fires is ever deleted, and everything else goes. ---

ages = st.integers(0, 900)
pages = st.lists(st.tuples(st.sampled_from(["queued", "sending", "sent", "failed", "cancelled"]), ages), max_size=4)
alerts = st.lists(st.tuples(st.sampled_from(["firing", "resolved"]), ages), max_size=3)
statuses = st.sampled_from(["open", "investigating", "in_progress", "resolved", "resolved", "resolved"])
histories = st.lists(st.tuples(statuses, ages, pages, alerts, st.booleans()), min_size=1, max_size=6)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    migrate(opened, "webhook_receiver")
    yield opened
    opened.close()


@given(histories)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_nothing_open_is_ever_deleted_and_everything_old_is(database: Database, history: list[Any]) -> None:
    kept: dict[str, set[int]] = {"incidents": set(), "notifications": set(), "alert_episodes": set()}
    gone: dict[str, set[int]] = {"incidents": set(), "notifications": set(), "alert_episodes": set()}
    with database.write() as transaction:
        target: int | None = None
        target_stays = False
        for status, age, its_pages, its_alerts, merges in history:
            into = target if merges else None
            number = _incident(transaction, status, age, into)
            paged = [(_page(transaction, number, state, old), state, old) for state, old in its_pages]
            fired = [(_episode(transaction, number, state, old), state) for state, old in its_alerts]
            waits = any(state in {"queued", "sending"} for _, state, _ in paged)
            fires = any(state == "firing" for _, state in fired)
            over = status == "resolved"
            stays = not over or age <= 400 or waits or fires or (into is not None and target_stays)
            (kept if stays else gone)["incidents"].add(number)
            for page, _, old in paged:
                page_goes = not stays or (over and not waits and age > 90 and old > 90)
                (gone if page_goes else kept)["notifications"].add(page)
            for episode, _ in fired:
                (kept if stays else gone)["alert_episodes"].add(episode)
            target, target_stays = number, stays
        # The newest rows stay by themselves: they are somebody else's here.
        newest = _incident(transaction, "open", 0, None)
        _page(transaction, newest, "queued", 0)
        _episode(transaction, newest, "firing", 0)
    retention = Retention(
        database=database,
        settings=KEEPING,
        clock=FakeClock(SATURDAY),
        metrics=RetentionMetrics(CollectorRegistry()),
    )
    retention.prune()
    with database.read() as transaction:
        for name, staying in kept.items():
            left = set(transaction.execute(select(schema.METADATA.tables[name].c.id)).scalars())
            assert staying <= left, name
            assert not gone[name] & left, name
        logged = set(transaction.execute(select(schema.EVENTS.c.incident_id)).scalars())
        assert kept["incidents"] <= logged


def _incident(transaction: Transaction, status: str, age: int, into: int | None) -> int:
    at = SATURDAY - timedelta(days=age, hours=1)
    values: dict[str, Any] = {
        **dict.fromkeys(("title", "description", "service", "type", "escalation_policy"), "photos"),
        **{key: [] for key in ("affects", "regions")},
        **{key: {} for key in ("decision", "context", "policy")},
        "status": status,
        "severity": "high",
        "severity_rank": 2,
        "wedding_impact": "none",
        "wedding_impact_rank": 0,
        "auto_created": True,
        "current_escalation_level": 0,
        "escalation_cycle": 0,
        "created_at": at - timedelta(days=900),
        "updated_at": at,
        "resolved_at": at if status == "resolved" else None,
        "merged_into": into,
    }
    number = int(
        transaction.execute(insert(schema.INCIDENTS).values(**values).returning(schema.INCIDENTS.c.id)).scalar_one()
    )
    event = {"incident_id": number, "created_at": at, "kind": "opened", "actor": "alertmanager", "detail": {}}
    transaction.execute(insert(schema.EVENTS).values(**event))
    ack = {"incident_id": number, "cycle": 0, "person": "noor", "acknowledged_at": at, "note": ""}
    transaction.execute(insert(schema.ACKNOWLEDGEMENTS).values(**ack))
    return number


def _page(transaction: Transaction, incident: int, state: str, age: int) -> int:
    at = SATURDAY - timedelta(days=age, hours=1)
    values = {
        "idempotency_key": f"page-{next(_NUMBERS)}",
        "incident_id": incident,
        "person": "noor",
        "channel": "pager",
        "message": {},
        "severity_rank": 2,
        "state": state,
        "attempts": 1,
        "fence": 0,
        "created_at": at,
        "due_at": at,
    }
    table = schema.NOTIFICATIONS
    return int(transaction.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())


def _episode(transaction: Transaction, incident: int, state: str, age: int) -> int:
    at = TUESDAY - timedelta(days=age)
    values = {
        "fingerprint": f"alert-{next(_NUMBERS)}",
        "state": state,
        "incident_id": incident,
        "labels": {},
        "annotations": {},
        "starts_at": at,
        "generator_url": "",
        "group_key": "",
        "first_seen_at": at,
        "last_seen_at": at,
        "sightings": 1,
        "resolved_at": at if state == "resolved" else None,
    }
    table = schema.EPISODES
    return int(transaction.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())


def _run(desk: Desk, incident: int | None, *, finished: bool) -> int:
    """A run that the pipeline leaves alone, and its one step."""
    values: dict[str, Any] = {
        **dict.fromkeys(("runbook", "requested_by", "target", "plan_digest", "reason"), "photos"),
        **{key: [] for key in ("regions", "alerts", "plan", "gates")},
        **{key: {} for key in ("definition", "parameters")},
        "incident_id": incident,
        "state": "refused",
        "next_step": 0,
        "fence": 0,
        "created_at": SATURDAY,
        "finished_at": SATURDAY if finished else None,
    }
    table = schema.RUNBOOK_RUNS
    step = {"number": 0, "state": "done", "reason": "", "output": "", "result": {}, "started_at": SATURDAY}
    with desk.receiver.database.write() as transaction:
        run = int(transaction.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())
        transaction.execute(insert(schema.RUNBOOK_STEPS).values(run_id=run, **step))
    return run
