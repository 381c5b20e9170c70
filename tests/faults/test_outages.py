"""What the receiver stands on goes away: the database stops, is cut off, locked or full; one alert is poison.

Nothing is answered 2xx that is not kept, somebody hears of what is critical meanwhile, and all is caught up afterwards.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from demo.stack.loopback import free_port
from demo.stack.postgres import PostgresCluster
from tests.faults.disks import kill_whole
from tests.faults.figures import Figures
from tests.faults.load import Load, lost
from tests.faults.process import FIRST, FaultyReceiver, quiet_policy
from tests.faults.provider import InsistentSender, Provider
from tests.faults.storm import CLOCK, PATIENCE, active, distinct, one_step
from tests.receiver import TOKENS, alert, webhook
from tests.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.faults]

CRITICAL: dict[str, Any] = {
    "severity": "critical",
    "service": "photos",
    "type": "service_failure",
    "affects": "photo_upload",
    "region": "london",
}


def post(receiver: FaultyReceiver, *alerts: Any) -> int:
    """Post one message once; returns the status. Trouble must be told, not suffered: no answer fails the test."""
    answer = requests.post(
        f"{receiver.url}/api/monitoring/alertmanager",
        json=webhook(*alerts),
        headers={"Authorization": f"Bearer {TOKENS['alertmanager']}"},
        timeout=60,
    )
    return answer.status_code


def critical(title: str) -> dict[str, Any]:
    return alert(title, starts_at=CLOCK.now(), summary=title, **CRITICAL)


def told_of(provider: Provider, title: str) -> list[str]:
    """Who heard of something, by an ordinary page or by the last resort."""
    return sorted(call.person for call in provider.calls if title in json.dumps(call.content))


@contextmanager
def running(
    folder: Path, url: str, provider: Provider, change: Callable[[dict[str, Any]], None] = one_step
) -> Iterator[FaultyReceiver]:
    receiver = FaultyReceiver(folder, url, provider.url, change=change, armable=False)
    receiver.start()
    try:
        yield receiver
    finally:
        receiver.kill()


@pytest.fixture
def own_cluster(postgres_programs: Path, tmp_path: Path) -> Iterator[PostgresCluster]:
    """A PostgreSQL server for this test alone: it is stopped in the middle."""
    with PostgresCluster(postgres_programs, free_port(), tmp_path / "postgresql.log") as cluster:
        yield cluster


def test_postgresql_stops_at_once(own_cluster: PostgresCluster, tmp_path: Path, provider: Provider, runs: int) -> None:
    with own_cluster.database() as url, running(tmp_path / "receiver", url, provider) as receiver:
        for number in range(runs):
            told = critical(f"PostgreSQL stopped {number}")
            own_cluster.process.kill()

            assert post(receiver, told) == 503
            wait_until(lambda told=told: bool(told_of(provider, told["annotations"]["summary"])), PATIENCE)  # type: ignore[misc]

            own_cluster.process.start()
            InsistentSender(receiver.url).alerts(told, seconds=PATIENCE)
            wait_until(lambda number=number: active(receiver) == number + 1, PATIENCE)  # type: ignore[misc]
        assert provider.wait_for(lambda calls: sum("incident_id" in call.content for call in calls) >= runs, PATIENCE)


def test_postgresql_is_killed_whole_while_alerts_come_in(
    own_cluster: PostgresCluster, tmp_path: Path, provider: Provider, runs: int, figures: Figures
) -> None:
    """SIGKILL for all of its processes; what it had promised is in its write-ahead log, which it replays."""
    with own_cluster.database() as url, running(tmp_path / "receiver", url, provider, quiet_policy) as receiver:
        with Load([receiver.url], 20) as load:
            for _ in range(runs):
                threading.Event().wait(1)
                kill_whole(own_cluster)
                own_cluster.process.start()
        never_told = lost(provider, load.sent, FIRST)
        wait_until(lambda: receiver.metric("wedsync_outbox_depth") == 0, PATIENCE)
    assert not never_told, f"{len(never_told)} of {len(load.sent)} accepted alerts were never told: {never_told[:10]}"
    repeats = sum(count for key, count in provider.repeats().items() if not key.startswith("last-resort"))
    figures.add("PostgreSQL killed whole", "postgresql", runs, repeats=repeats, alerts=len(load.sent))
    # One sender has at most eight pages of a channel on the wire, and their outcome was not kept.
    assert repeats <= 8 * runs


def test_postgresql_cuts_every_connection(
    postgres_cluster: PostgresCluster, tmp_path: Path, provider: Provider, runs: int
) -> None:
    with postgres_cluster.database() as url, running(tmp_path / "receiver", url, provider) as receiver:
        sender = InsistentSender(receiver.url)
        for number in range(runs):
            cut(url)
            sender.alerts(critical(f"connections cut {number}"), seconds=PATIENCE)
        wait_until(lambda: active(receiver) == runs, PATIENCE)
        wait_until(lambda: all(told_of(provider, f"connections cut {number}") for number in range(runs)), PATIENCE)


def cut(url: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("table", ["inbox", "alert_episodes", "incidents"])
def test_somebody_holds_a_lock_on_a_table(
    table: str, postgres_cluster: PostgresCluster, tmp_path: Path, provider: Provider
) -> None:
    """As a forgotten session of an administrator does."""
    with postgres_cluster.database() as url, running(tmp_path / "receiver", url, provider) as receiver:
        told = critical(f"{table} is locked")
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            # Nothing is promised that is not kept; what is kept may be answered for.
            assert post(receiver, told) in ({503} if table == "inbox" else {200, 503})
            began = CLOCK.monotonic()
            with ThreadPoolExecutor(4) as posting:
                statuses = list(posting.map(lambda _: post(receiver, told), range(4)))
            print(f"{table} locked: {statuses} within {CLOCK.monotonic() - began:.1f} s")
            # What comes at once is kept before it is processed: that is a promise too, and no page waits for the lock.
            assert set(statuses) <= {200, 503}
            wait_until(lambda: bool(told_of(provider, f"{table} is locked")), PATIENCE)
            connection.rollback()

        InsistentSender(receiver.url).alerts(told, seconds=PATIENCE)
        wait_until(lambda: active(receiver) == 1, PATIENCE)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Give a file system of so many bytes, in memory. Needs root, as mounting does."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "wedsync-faults", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_the_disk_is_full(tmp_path: Path, provider: Provider, runs: int) -> None:
    with small_disk(tmp_path / "disk", "16m") as disk:
        url = f"sqlite:///{disk / 'incidents.sqlite'}"
        with running(tmp_path / "receiver", url, provider) as receiver:
            accepted = 0
            for number in range(runs):
                ballast = disk / "ballast"
                fill(ballast)
                accepted += fill_the_rest_of_the_log(receiver)
                told = critical(f"disk full {number}")

                assert post(receiver, told) == 503
                wait_until(lambda told=told: bool(told_of(provider, told["annotations"]["summary"])), PATIENCE)  # type: ignore[misc]

                ballast.unlink()
                InsistentSender(receiver.url).alerts(told, seconds=PATIENCE)
                accepted += 1
            wait_until(lambda: active(receiver) == accepted, PATIENCE)


def fill(file: Path) -> None:
    """Write until there is no room for one byte more."""
    with file.open("wb", buffering=0) as stream:
        for chunk in (b"x" * 4096, b"x"):
            try:
                while True:
                    stream.write(chunk)
            except OSError:
                continue


def fill_the_rest_of_the_log(receiver: FaultyReceiver) -> int:
    """Post until the write-ahead log has used up what it had taken before; returns how many were accepted."""
    for number in range(10_000):
        labels = distinct(number, run=str(CLOCK.monotonic()))
        if post(receiver, alert(starts_at=CLOCK.now(), **labels)) != 200:
            return number
    raise AssertionError("the full disk refused nothing")


def test_one_poison_alert_among_five_hundred(tmp_path: Path, database_url: str, provider: Provider) -> None:
    storm: list[Any] = [alert(starts_at=CLOCK.now(), **distinct(number)) for number in range(499)]
    storm.insert(250, {"status": "smouldering", "labels": {"alertname": "Poison"}})
    with running(tmp_path / "receiver", database_url, provider) as receiver:
        assert post(receiver, *storm) == 200

        # The 499, and the incident that tells of the one set aside.
        wait_until(lambda: active(receiver) == 500, PATIENCE)
        assert receiver.metric("wedsync_alerts_quarantined") == 1
        wait_until(lambda: FIRST in told_of(provider, "smouldering") + told_of(provider, "set aside"), PATIENCE)
