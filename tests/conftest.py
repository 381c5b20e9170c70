"""The real parts, found or fetched once. A part that cannot be had fails its tests: it never skips them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.stack import binaries, loopback, programs
from demo.stack.postgres import PostgresCluster
from tests.whole_stack import whole_stack

__all__ = ["whole_stack"]


def _obtain(program: programs.Program) -> programs.Found:
    found = binaries.machine().find(program)
    if found is None:
        # In a process of its own: this one may open no connection beyond loopback.
        subprocess.run([sys.executable, "-m", "demo.stack.binaries", "--for-tests"], cwd=binaries.ROOT, check=False)
        found = binaries.machine().find(program)
    if found is None:
        pytest.fail(f"{program.title} {program.oldest} or newer is missing: see `python -m demo.stack.binaries`")
    return found


@pytest.fixture(scope="session")
def prometheus_binary() -> Path:
    return _obtain(programs.PROMETHEUS).executables["prometheus"]


@pytest.fixture(scope="session")
def promtool() -> Path:
    return _obtain(programs.PROMETHEUS).executables["promtool"]


@pytest.fixture(scope="session")
def alertmanager_binary() -> Path:
    return _obtain(programs.ALERTMANAGER).executables["alertmanager"]


@pytest.fixture(scope="session")
def amtool() -> Path:
    return _obtain(programs.ALERTMANAGER).executables["amtool"]


@pytest.fixture(scope="session")
def postgres_programs() -> Path:
    """The folder of `postgres` and `initdb`."""
    return _obtain(programs.POSTGRESQL).executables["postgres"].parent


@pytest.fixture(scope="session")
def postgres_cluster(postgres_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresCluster]:
    """One running cluster for the whole session."""
    log = tmp_path_factory.mktemp("postgresql") / "postgresql.log"
    with PostgresCluster(postgres_programs, loopback.free_port(), log) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: PostgresCluster) -> str:
    """The session's cluster, its maintenance database: `postgresql+psycopg://...`."""
    return postgres_cluster.url()


@pytest.fixture
def postgres_database(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """An empty database for this test alone: `postgresql+psycopg://...`."""
    with postgres_cluster.database() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database for this test alone, first SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'wedsync.db'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    return loopback.free_port()
