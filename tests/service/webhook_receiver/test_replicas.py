"""Several processes on one database: who may work, who does a duty for all, and one only on SQLite."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from tests.cast import SATURDAY
from tests.fakes import FakeClock
from tests.receiver import ROOT, Desk, alert
from tests.waiting import wait_until
from webhook_receiver.app import NAME
from webhook_receiver.engine import store
from webhook_receiver.engine.instance import AlreadyRunning, InstanceLock
from webhook_receiver.engine.lease import LEASE, Leases
from webhook_receiver.engine.metrics import EngineMetrics
from webhook_receiver.engine.version import NAME as VERSION
from webhook_receiver.engine.version import EngineVersion
from webhook_receiver.schema import LEASES
from webhook_receiver.ticker import Duty, Ticker
from wedsync_core.storage import Database, migrate


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    migrate(database, NAME)
    yield database
    database.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(SATURDAY)


def metrics() -> EngineMetrics:
    return EngineMetrics(CollectorRegistry())


def leases(database: Database, clock: FakeClock, holder: str) -> Leases:
    return Leases(database=database, clock=clock, metrics=metrics(), holder=holder)


def version(database: Database, clock: FakeClock, number: int) -> EngineVersion:
    return EngineVersion(database=database, clock=clock, metrics=metrics(), version=number)


def test_one_replica_at_a_time_does_a_duty_for_all(database: Database, clock: FakeClock) -> None:
    one, other = leases(database, clock, "one"), leases(database, clock, "other")
    assert one.mine("watchdog")
    assert not other.mine("watchdog")
    assert other.mine("heartbeat"), "another duty is another matter"
    assert one.mine("watchdog"), "and again"


def test_a_duty_is_taken_over_when_its_holder_dies(database: Database, clock: FakeClock) -> None:
    dead, heir = leases(database, clock, "dead"), leases(database, clock, "heir")
    assert dead.mine("watchdog")
    clock.advance(LEASE - timedelta(seconds=1))
    assert not heir.mine("watchdog")
    clock.advance(seconds=1)
    assert heir.mine("watchdog")
    assert not dead.mine("watchdog"), "it was only paused: it finds out at its next question"


def test_a_duty_that_is_seldom_done_stays_with_its_holder(database: Database, clock: FakeClock) -> None:
    holder, other = leases(database, clock, "holder"), leases(database, clock, "other")
    assert holder.mine("review")
    for _ in range(60):
        clock.advance(seconds=10)
        holder.renew()
        assert not other.mine("review")


def test_stopping_gives_a_duty_back_at_once(database: Database, clock: FakeClock) -> None:
    leaving, heir = leases(database, clock, "leaving"), leases(database, clock, "heir")
    assert leaving.mine("watchdog")
    leaving.release()
    assert heir.mine("watchdog")
    with database.read() as transaction:
        assert [row.holder for row in transaction.execute(select(LEASES))] == ["heir"]


class Replica:
    def __init__(self, *, works: bool = True, alone: bool = True) -> None:
        self.works, self.alone = works, alone

    def may_work(self) -> bool:
        return self.works

    def mine(self, duty: str) -> bool:
        return self.alone


def test_the_loop_leaves_to_others_what_is_theirs(clock: FakeClock) -> None:
    done: list[str] = []

    def duty(name: str, *, alone: bool) -> Duty:
        return Duty(name, lambda: done.append(name) or 1, alone=alone)  # type: ignore[func-returns-value]

    replica = Replica(alone=False)
    ticker = Ticker((duty("for all", alone=True), duty("own", alone=False)), clock, CollectorRegistry(), replica)
    assert ticker.turn() == 1
    replica.alone = True
    assert ticker.turn() == 2
    replica.works = False
    assert ticker.turn() == 0
    assert done == ["own", "for all", "own"]


def test_the_newest_version_works_and_an_older_one_learns_that_it_must_not(
    database: Database, clock: FakeClock
) -> None:
    old = version(database, clock, 1)
    old.begin()
    assert not old.superseded
    version(database, clock, 2).begin()
    with database.read() as transaction:
        old.learn(store.states(transaction, VERSION)[VERSION])
    assert old.superseded

    late = version(database, clock, 1)
    late.begin()
    assert late.superseded, "one that starts too late never works"
    with database.read() as transaction:
        assert store.states(transaction, VERSION)[VERSION] == {"engine": 2}, "and does not turn the row back"


def test_a_superseded_replica_does_nothing_takes_no_writes_and_says_why(saturday_desk: Desk) -> None:
    desk = saturday_desk
    version(desk.receiver.database, desk.clock, 99).begin()
    desk.receiver.engine.version.learn({"engine": 99})

    answer = desk.alerts(alert(starts_at=SATURDAY, region="london", severity="critical"))
    assert answer.status_code == 503, "Alertmanager tries again, and meets a replica that works"
    assert "engine version 99 works on this database" in answer.get_json()["detail"]
    assert desk.receiver.ticker.turn() == 0
    ready = desk.receiver.app.test_client().get("/readyz")
    assert ready.status_code == 503
    assert "stands down" in ready.get_json()["detail"]
    assert desk.get("/incidents/active") == [], "it can still be read from"
    assert desk.metric("wedsync_engine_superseded") == 1

    if desk.receiver.database.is_sqlite:
        desk.receiver.engine.version.learn({"engine": 1})
        assert desk.alerts(alert(starts_at=SATURDAY, region="london", severity="critical")).status_code == 200


@pytest.mark.real
def test_on_postgresql_the_loop_hears_of_a_newer_version_before_it_works(
    postgres_database: str, tmp_path: Path
) -> None:
    from tests.receiver import open_desk

    with open_desk(tmp_path, postgres_database, SATURDAY, {}) as desk:
        desk.alerts(alert(starts_at=SATURDAY, region="london", severity="critical", service="photos"))
        version(desk.receiver.database, desk.clock, 2).begin()
        desk.turn()
        assert desk.pager.envelopes == desk.console.envelopes == []


HOLD = "import sys, pathlib, threading; from webhook_receiver.engine.instance import InstanceLock; \
InstanceLock(pathlib.Path(sys.argv[1])).take(0); print('held', flush=True); threading.Event().wait()"


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on ``tmp_path / incidents.sqlite``."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "incidents.sqlite")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_on_a_sqlite_file_is_refused(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    file = tmp_path / "incidents.sqlite"
    with pytest.raises(AlreadyRunning, match=rf"another process \(number {holder.pid}\) works on {file}"):
        InstanceLock(file).take(0)
    InstanceLock(tmp_path / "other.sqlite").take(0)


def test_a_killed_holder_frees_the_file_and_an_ending_one_is_waited_for(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    lock = InstanceLock(tmp_path / "incidents.sqlite")
    os.kill(holder.pid, signal.SIGKILL)
    lock.take(20)
    lock.release()


def test_receivers_within_one_process_share_the_file(tmp_path: Path) -> None:
    one, other = InstanceLock(tmp_path / "a.sqlite"), InstanceLock(tmp_path / "a.sqlite")
    one.take(0)
    other.take(0)
    one.release()
    one.release()
    probe = [sys.executable, "-c", HOLD, str(tmp_path / "a.sqlite")]
    refused = subprocess.run(probe, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "SQLite serves one webhook_receiver at a time" in refused.stderr
    other.release()
    InstanceLock(tmp_path / "a.sqlite").take(0)


def test_the_program_says_in_one_sentence_why_it_does_not_start(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    from tests.faults.process import FaultyReceiver

    second = FaultyReceiver(
        tmp_path / "second", f"sqlite:///{tmp_path / 'incidents.sqlite'}", "http://127.0.0.1:1", armable=False
    )
    second.process.spawn()
    wait_until(lambda: not second.process.running, 40)
    said = second.process.obituary()
    second.kill()

    assert "ended with exit code 2" in said
    assert "webhook_receiver cannot start: another process" in said
    assert "Traceback" not in said
