"""The wall clock jumps. Steps keep their distance in elapsed time: none is skipped, none is taken twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update

from tests.cast import SATURDAY
from tests.fakes import FakeClock
from tests.receiver import Desk, alert, open_desk, webhook
from webhook_receiver.alerts import store as alerts
from webhook_receiver.app import NAME
from webhook_receiver.engine.clock import EngineClock
from webhook_receiver.engine.metrics import EngineMetrics
from webhook_receiver.engine.moments import CALENDAR, ELAPSED, RECENT, RECORDS
from webhook_receiver.engine.service import Engine
from webhook_receiver.engine.timekeeping import Timekeeping
from webhook_receiver.schema import INCIDENTS, METADATA
from wedsync_core.storage import Database, UtcDateTime, migrate

UPLOADS: dict[str, Any] = {
    "severity": "critical",
    "service": "photos",
    "type": "service_failure",
    "affects": "photo_upload",
}
SPRING_IN_LONDON = datetime(2026, 3, 29, 0, 58, tzinfo=UTC)
"""A Sunday; two minutes later clocks there go from 01:00 to 02:00."""
AUTUMN_IN_LONDON = datetime(2026, 10, 25, 0, 58, tzinfo=UTC)
"""A Sunday; two minutes later clocks there go back from 02:00 to 01:00."""
LEAP_DAY = datetime(2032, 2, 28, 23, 58, tzinfo=UTC)
"""A Saturday; two minutes later it is 29 February."""

JUMPS = {
    "two hours on": (SATURDAY, timedelta(hours=2)),
    "two hours back": (SATURDAY, timedelta(hours=-2)),
    "a year on": (SATURDAY, timedelta(days=364)),  # a Saturday again: the story is about the clock
    "a year back": (SATURDAY, timedelta(days=-364)),
    "the spring night": (SPRING_IN_LONDON, timedelta()),
    "the spring night, and somebody sets the clock by hand": (SPRING_IN_LONDON, timedelta(hours=1)),
    "the autumn night": (AUTUMN_IN_LONDON, timedelta()),
    "the autumn night, and somebody sets the clock by hand": (AUTUMN_IN_LONDON, timedelta(hours=-1)),
    "into a leap day": (LEAP_DAY, timedelta()),
    "a leap day, over a year on": (LEAP_DAY + timedelta(minutes=10), timedelta(days=364)),
    "slewed": (SATURDAY, timedelta(seconds=1.9)),
}


@pytest.fixture
def desk_at(tmp_path: Path, database_url: str) -> Iterator[Callable[[datetime], Desk]]:
    opened: list[Any] = []

    def open_at(start: datetime) -> Desk:
        desk = open_desk(tmp_path, database_url, start, {})
        opened.append(desk)
        return desk.__enter__()

    yield open_at
    for desk in opened:
        desk.__exit__(None, None, None)


def elapse(desk: Desk, seconds: float, step: float = 10) -> list[tuple[float, str]]:
    """Let time pass; returns who was told how long after the start of the story."""
    told = []
    for _ in range(round(seconds / step)):
        desk.clock.advance(seconds=step)
        desk.turn()
        told += [(desk.clock.monotonic(), envelope.person) for envelope in desk.pager.envelopes]
        desk.pager.forget()
    return told


def elapse_to(desk: Desk, moment: float) -> list[tuple[float, str]]:
    """Let time pass to five seconds after a moment, the last ten of them one by one."""
    told = elapse(desk, moment - 5 - desk.clock.monotonic(), step=5)
    return told + elapse(desk, 10, step=1)


@pytest.mark.parametrize("what", JUMPS)
def test_steps_keep_their_distance_whatever_the_wall_says(what: str, desk_at: Callable[[datetime], Desk]) -> None:
    start, jump = JUMPS[what]
    desk = desk_at(start)
    desk.alerts(alert(starts_at=start, region="london", **UPLOADS))
    desk.turn()
    assert len(desk.pager.people()) == 2, "at once: on-call engineer and platform lead"
    desk.pager.forget()

    told = elapse(desk, 150)
    desk.clock.set(desk.clock.now() + jump)
    told += elapse(desk, 10, step=1)
    told += elapse_to(desk, 300)
    told += elapse_to(desk, 900)
    told += elapse(desk, 95)

    for person in ("grace", "ines"):  # CTO and emergency contacts after five minutes, all hands after fifteen
        assert [at for at, who in told if who == person] == pytest.approx([300, 900], abs=2), person
    for person in ("noor", "tomasz"):
        assert [at for at, who in told if who == person] == pytest.approx([900], abs=2), person
    (incident,) = desk.get("/incidents/active")
    direction = "forward" if jump > timedelta() else "backward"
    jumped = abs(jump) > timedelta(seconds=2)
    assert desk.metric("wedsync_clock_jumps_total", direction=direction) == jumped
    shown = datetime.fromisoformat(incident["next_escalation_at"])
    left = timedelta(seconds=1500 - desk.clock.monotonic())
    assert abs(shown - desk.clock.now() - left) <= timedelta(seconds=2), "shown by the new clock"


@pytest.mark.parametrize("jump", [timedelta(hours=2), timedelta(hours=-2)])
def test_an_acknowledgement_lasts_as_long_as_it_was_to(jump: timedelta, desk_at: Callable[[datetime], Desk]) -> None:
    desk = desk_at(SATURDAY)
    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    desk.turn()
    (incident,) = desk.get("/incidents/active")
    assert desk.post(f"/incidents/{incident['id']}/acknowledge", {"by": "noor"}).status_code == 200
    desk.pager.forget()
    desk.clock.set(SATURDAY + jump)
    told = elapse_to(desk, 1800)

    assert [person for _, person in told if person == "noor"] == ["noor"]
    assert all(abs(at - 1800) <= 2 for at, _ in told)


@pytest.mark.parametrize("jump", [timedelta(hours=2), timedelta(hours=-2)])
def test_a_message_whose_request_died_is_processed_though_the_clock_jumped(
    jump: timedelta, desk_at: Callable[[datetime], Desk]
) -> None:
    desk = desk_at(SATURDAY)
    body = json.dumps(webhook(alert(starts_at=SATURDAY, region="london", **UPLOADS))).encode()
    with desk.receiver.database.write() as transaction:
        alerts.keep_message(transaction, body, desk.receiver.engine.clock.now())
    desk.clock.set(SATURDAY + jump)

    elapse(desk, 10, step=1)

    assert len(desk.get("/incidents/active")) == 1


def test_a_maintenance_window_stays_where_the_calendar_has_it(desk_at: Callable[[datetime], Desk]) -> None:
    desk = desk_at(SATURDAY)
    end = SATURDAY + timedelta(hours=1)
    window = {"ends_at": end.isoformat(), "match": {"service": "photos"}, "up_to": "critical", "reason": "new disks"}
    assert desk.post("/maintenance", window).status_code == 201
    desk.alerts(alert(starts_at=SATURDAY, region="london", **UPLOADS))
    assert elapse(desk, 30) == [], "people sleep through maintenance"
    desk.clock.set(end + timedelta(minutes=5))

    told = elapse(desk, 5, step=1)

    assert {person for _, person in told} == {"ines", "noor"}, "the window is over by the clock it was written for"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate(database, NAME)
    yield database
    database.close()


def timekeeping(database: Database, clock: FakeClock, boot: str | None = None) -> tuple[Timekeeping, EngineClock]:
    engine_clock = EngineClock(clock, clock.now)
    metrics = EngineMetrics(CollectorRegistry())
    return Timekeeping(database=database, clock=engine_clock, metrics=metrics, boot=boot), engine_clock


def open_incident(database: Database, due_in: timedelta) -> None:
    with database.write() as transaction:
        transaction.execute(INCIDENTS.insert().values(**PLAIN, next_escalation_at=SATURDAY + due_in))


PLAIN: dict[str, Any] = {
    "title": "Uploads fail",
    "description": "",
    "status": "open",
    "severity": "high",
    "severity_rank": 3,
    "wedding_impact": "low",
    "wedding_impact_rank": 1,
    "service": "photos",
    "type": "service_failure",
    "affects": [],
    "regions": [],
    "auto_created": True,
    "decision": {},
    "context": {},
    "escalation_policy": "standard",
    "policy": {},
    "current_escalation_level": 1,
    "escalation_cycle": 0,
    "created_at": SATURDAY,
    "updated_at": SATURDAY,
}


def due(database: Database) -> datetime:
    with database.read() as transaction:
        moment: datetime = transaction.execute(select(INCIDENTS.c.next_escalation_at)).scalar_one()
    return moment


def test_of_replicas_that_see_one_jump_only_one_moves_the_rows(database: Database) -> None:
    clock = FakeClock(SATURDAY)
    replicas = [timekeeping(database, clock) for _ in range(3)]
    for one, _ in replicas:
        one.begin()
    open_incident(database, timedelta(minutes=10))
    clock.advance(seconds=60)
    clock.set(clock.now() + timedelta(hours=2))

    for one, _ in replicas:
        one.look()

    assert due(database) == SATURDAY + timedelta(minutes=10, hours=2)
    assert {engine_clock.now() for _, engine_clock in replicas} == {clock.now()}


def test_a_replica_that_comes_late_to_one_jump_and_finds_another_moves_only_the_rest(database: Database) -> None:
    clock = FakeClock(SATURDAY)
    (early, _), (late, late_clock) = timekeeping(database, clock), timekeeping(database, clock)
    early.begin()
    late.begin()
    open_incident(database, timedelta(minutes=10))
    clock.set(SATURDAY + timedelta(hours=2))
    early.look()
    clock.set(SATURDAY + timedelta(hours=1))
    late.look()
    early.look()

    assert due(database) == SATURDAY + timedelta(minutes=10, hours=1)
    assert late_clock.now() == clock.now()


def test_a_jump_while_the_receiver_was_down_is_found_at_the_next_start(database: Database) -> None:
    clock = FakeClock(SATURDAY)
    before, _ = timekeeping(database, clock, boot="one life")
    before.begin()
    open_incident(database, timedelta(minutes=10))
    before.end()
    clock.advance(minutes_of(20))
    clock.set(clock.now() - timedelta(hours=2))

    after, after_clock = timekeeping(database, clock, boot="one life")
    after.begin()

    assert due(database) == SATURDAY + timedelta(minutes=10) - timedelta(hours=2), "ten minutes overdue, as it is"
    assert after_clock.now() == clock.now()


def minutes_of(minutes: int) -> timedelta:
    return timedelta(minutes=minutes)


def test_a_kill_costs_nothing_the_note_is_written_every_ten_seconds(database: Database) -> None:
    clock = FakeClock(SATURDAY)
    killed, _ = timekeeping(database, clock, boot="one life")
    killed.begin()
    open_incident(database, timedelta(minutes=10))
    for _ in range(15):
        clock.advance(seconds=1)
        killed.look()
    clock.set(clock.now() + timedelta(hours=2))

    timekeeping(database, clock, boot="one life")[0].begin()

    assert due(database) == SATURDAY + timedelta(hours=2, minutes=10)


def test_after_a_restart_of_the_machine_the_wall_is_trusted(database: Database) -> None:
    clock = FakeClock(SATURDAY)
    before, _ = timekeeping(database, clock, boot="one life")
    before.begin()
    open_incident(database, timedelta(minutes=10))
    before.end()
    clock.set(SATURDAY + timedelta(hours=2))

    timekeeping(database, clock, boot="another life")[0].begin()

    assert due(database) == SATURDAY + timedelta(minutes=10)


def test_an_incident_opened_by_the_old_clock_while_it_was_set_back_is_not_forgotten(database: Database) -> None:
    clock = FakeClock(SATURDAY)
    one, _ = timekeeping(database, clock)
    one.begin()
    clock.set(SATURDAY - timedelta(hours=2))
    one.look()
    with database.write() as transaction:  # a request that had asked the clock a moment before the jump was found
        transaction.execute(
            INCIDENTS.insert().values(**{**PLAIN, "current_escalation_level": 0}, next_escalation_at=SATURDAY)
        )
    clock.advance(seconds=1)
    one.look()

    assert due(database) <= clock.now()


def test_when_the_rows_cannot_be_moved_the_clock_does_not_jump_either(database: Database) -> None:
    clock = FakeClock(SATURDAY)
    one, engine_clock = timekeeping(database, clock)
    one.begin()
    open_incident(database, timedelta(minutes=10))
    with database.write() as transaction:
        transaction.execute(update(INCIDENTS).values(title="held"))
    database.close()
    broken = Database(f"sqlite:///{Path('/nowhere') / 'x.sqlite'}")
    one._database = broken
    clock.set(SATURDAY + timedelta(hours=2))
    with pytest.raises(Exception, match="cannot be used"):
        one.look()

    assert engine_clock.now() == SATURDAY
    one._database = database
    one.look()
    assert engine_clock.now() == clock.now()
    assert due(database) == SATURDAY + timedelta(hours=2, minutes=10)


@pytest.mark.real
def test_on_postgresql_a_wrong_wall_of_one_replica_decides_nothing(postgres_database: str) -> None:
    database = Database(postgres_database)
    migrate(database, NAME)
    wrong = FakeClock(SATURDAY)
    right = FakeClock(SATURDAY - timedelta(days=400))
    clocks = [Engine(database, CollectorRegistry(), machine).clock for machine in (wrong, right)]

    assert abs(clocks[0].now() - clocks[1].now()) < timedelta(seconds=2)
    database.close()


def test_every_kept_moment_is_of_a_kind() -> None:
    every = {column for table in METADATA.tables.values() for column in table.c if isinstance(column.type, UtcDateTime)}
    told = [column for column, _ in ELAPSED] + list(RECENT) + list(CALENDAR) + list(RECORDS)

    assert {str(column) for column in every} == {str(column) for column in told}
    assert len(told) == len(every), "a column is named twice"
