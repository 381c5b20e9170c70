"""Replicas are restarted in turn, or find a database of the first release, while alerts come in: nothing is lost.

``kept_at_0001.json`` holds the rows of a receiver of the first release that was killed while its provider was down: ten
pages it had not got rid of, and ten messages it had kept and not processed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from demo.stack.postgres import PostgresCluster
from tests.faults.figures import Figures
from tests.faults.load import Load, lost
from tests.faults.process import FIRST, FaultyReceiver, quiet_policy
from tests.faults.provider import Provider
from tests.receiver import ROOT
from tests.waiting import wait_until
from wedsync_core.storage import Database

pytestmark = [pytest.mark.real, pytest.mark.faults]

PER_SECOND = 20
SETTLED_WITHIN = 60.0
KEPT = Path(__file__).with_name("kept_at_0001.json")
KEPT_TITLES = [f"{what}-{number}-" for what in ("queued", "pending") for number in range(10)]


def test_a_rolling_restart_under_load(
    tmp_path: Path, postgres_database: str, provider: Provider, runs: int, figures: Figures
) -> None:
    replicas = [
        FaultyReceiver(tmp_path / str(number), postgres_database, provider.url, change=quiet_policy, armable=False)
        for number in range(2)
    ]
    restarts = min(runs, 20)
    try:
        for replica in replicas:
            replica.start()
        with Load([replica.url for replica in replicas], PER_SECOND) as load:
            for _ in range(restarts):
                for replica in replicas:
                    replica.stop()
                    replica.start()
        never_told = lost(provider, load.sent, FIRST)
        wait_until(lambda: replicas[0].metric("wedsync_outbox_depth") == 0, SETTLED_WITHIN)
    finally:
        for replica in replicas:
            replica.kill()
    assert not never_told, f"{len(never_told)} of {len(load.sent)} accepted alerts were never told: {never_told[:10]}"
    repeats = provider.repeats()
    assert not repeats, "who is asked to end finishes what it has in hand"
    figures.add("a rolling restart of two replicas", "postgresql", restarts, alerts=len(load.sent))


def test_two_new_replicas_find_a_database_of_the_first_release_under_load(
    tmp_path: Path, postgres_cluster: PostgresCluster, provider: Provider, runs: int, figures: Figures
) -> None:
    """Both migrate it at the same moment; what the old one had kept goes out, and what comes in meanwhile."""
    tries, alerts, repeats = min(runs, 20), 0, 0
    for number in range(tries):
        provider.forget()
        with postgres_cluster.database() as url:
            fill_as_first_released(url)
            sent, again = upgraded(tmp_path / str(number), url, provider)
        alerts += sent
        repeats += again
    figures.add("an upgrade from 0001 under load", "postgresql", tries, repeats=repeats, alerts=alerts)


def upgraded(folder: Path, url: str, provider: Provider) -> tuple[int, int]:
    """Start two replicas at once; returns how many alerts came in, and how many pages were said twice."""
    replicas = [
        FaultyReceiver(folder / str(one), url, provider.url, change=quiet_policy, armable=False) for one in range(2)
    ]
    try:
        with Load([replica.url for replica in replicas], PER_SECOND) as load, ThreadPoolExecutor(2) as starting:
            for started in [starting.submit(replica.start) for replica in replicas]:
                started.result()
        never_told = lost(provider, load.sent, FIRST)
        wait_until(lambda: all(FIRST in provider.people_told(title) for title in KEPT_TITLES), SETTLED_WITHIN)
        wait_until(lambda: replicas[0].metric("wedsync_outbox_depth") == 0, SETTLED_WITHIN)
    finally:
        for replica in replicas:
            replica.kill()
    assert not never_told, f"{len(never_told)} of {len(load.sent)} accepted alerts were never told: {never_told[:10]}"
    for title in KEPT_TITLES:
        keys = {call.key for call in provider.calls if call.subject.endswith(title)}
        assert len(keys) == 1, f"{title} was told under {keys}"
    repeats = provider.repeats()
    assert not repeats
    return len(load.sent), sum(repeats.values())


def fill_as_first_released(url: str) -> None:
    """Make the tables of the first release, with what its receiver had left in them."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "webhook_receiver" / "migrations"))
    config.set_main_option("path_separator", "os")
    database = Database(url)
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for table, rows in json.loads(KEPT.read_text(encoding="utf-8")).items():
            for row in rows:
                names = ", ".join(row)
                values = ", ".join(f":{name}" for name in row)
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), _values(row))  # noqa: S608
            if rows and "id" in rows[0]:
                sequence = text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")  # noqa: S608
                connection.execute(sequence)
    database.close()


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value["text"].encode() if isinstance(value, dict) else value for name, value in row.items()}
