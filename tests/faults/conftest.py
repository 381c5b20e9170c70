"""A provider that outlives what is killed, and how often each fault is tried."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from demo.stack import binaries, programs
from demo.stack.loopback import free_port
from demo.stack.postgres import PostgresCluster
from tests.faults.figures import Figures
from tests.faults.provider import Provider


@pytest.fixture(scope="session")
def runs() -> int:
    """How often each fault is tried: once in the ordinary suite, ``WEDSYNC_FAULT_RUNS`` times by ``make faults``."""
    return int(os.environ.get("WEDSYNC_FAULT_RUNS", "1"))


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def figures() -> Figures:
    return Figures()


@pytest.fixture
def database_folder(tmp_path: Path) -> Path:
    """Where a test's SQLite file lies: on the disk, whose moods are tried here."""
    return tmp_path


@pytest.fixture(scope="session")
def postgres_cluster(postgres_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresCluster]:
    """One running cluster for all faults, as durable as the real one."""
    log = tmp_path_factory.mktemp("durable-postgresql") / "postgresql.log"
    with PostgresCluster(postgres_programs, free_port(), log) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def packaged_alertmanager() -> Path:
    """The Alertmanager that this machine's own release packages: 0.25 on Debian 12, the oldest one that is served."""
    collection = binaries.Collection(
        binaries.default_folder(os.environ), report=lambda line: print(line, file=sys.stderr), search_path=""
    )
    packaged = replace(programs.ALERTMANAGER, name="packaged-alertmanager", release=None)
    return collection.obtain(packaged).executables["alertmanager"]
