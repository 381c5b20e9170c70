"""The real parts, found or fetched once, and a database for every test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from demo.stack import loopback, programs
from demo.stack.postgres import PostgresCluster
from tests.databases import Templates
from tests.programs import obtain


def pytest_configure() -> None:
    """Hold no example to a time, and log plainly.

    With a library for it about, a traceback drawn with all its variables takes half a second.
    """
    hypothesis.settings.register_profile("wedsync", deadline=None)
    hypothesis.settings.load_profile("wedsync")
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares a module's fixture in one worker of a parallel run (`-n 2 --dist loadgroup`)."""
    for item in items:
        if isinstance(item, pytest.Function) and (group := _shared_by_module(item)):
            item.add_marker(pytest.mark.xdist_group(group))


def _shared_by_module(item: pytest.Function) -> str | None:
    """Return a name for the module's fixtures, and their parameters, that the test uses; None: it uses none."""
    definitions = item._fixtureinfo.name2fixturedefs
    shared = sorted(name for name, found in definitions.items() if found[-1].scope == "module" and found[-1].baseid)
    chosen = item.callspec.params if hasattr(item, "callspec") else {}
    names = [f"{name}={chosen[name]}" for name in shared if isinstance(chosen.get(name), str)]
    return "-".join([item.path.stem, *names]) if shared else None


@pytest.fixture(scope="session")
def prometheus_binary() -> Path:
    return obtain(programs.PROMETHEUS).executables["prometheus"]


@pytest.fixture(scope="session")
def promtool() -> Path:
    return obtain(programs.PROMETHEUS).executables["promtool"]


@pytest.fixture(scope="session")
def alertmanager_binary() -> Path:
    return obtain(programs.ALERTMANAGER).executables["alertmanager"]


@pytest.fixture(scope="session")
def amtool() -> Path:
    return obtain(programs.ALERTMANAGER).executables["amtool"]


@pytest.fixture(scope="session")
def postgres_programs() -> Path:
    """The folder of `postgres` and `initdb`."""
    return obtain(programs.POSTGRESQL).executables["postgres"].parent


@pytest.fixture(scope="session")
def postgres_cluster(postgres_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresCluster]:
    """One running cluster for the whole session. No test here cuts its power: it waits for no disk."""
    log = tmp_path_factory.mktemp("postgresql") / "postgresql.log"
    with PostgresCluster(postgres_programs, loopback.free_port(), log, durable=False) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def database_folder(tmp_path: Path) -> Iterator[Path]:
    """Where a test's SQLite file lies: in memory, where the machine has such a folder. No test here cuts its power."""
    memory = Path("/dev/shm")  # noqa: S108 -- a folder of our own within it
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < 256 << 20:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="wedsync-", dir=memory, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def tables_of() -> str | None:
    """Whose tables a test's database has from the start; None: it is empty. A folder or a module says otherwise."""
    return None


@pytest.fixture
def postgres_database(postgres_cluster: PostgresCluster, templates: Templates, tables_of: str | None) -> Iterator[str]:
    """A database for this test alone: `postgresql+psycopg://...`."""
    with templates.postgresql(tables_of, postgres_cluster) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def database_url(
    request: pytest.FixtureRequest, database_folder: Path, templates: Templates, tables_of: str | None
) -> str:
    """A database for this test alone, first SQLite, then PostgreSQL, with the tables that `tables_of` names."""
    if request.param == "sqlite":
        return templates.sqlite(tables_of, database_folder / "wedsync.db")
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    return loopback.free_port()
