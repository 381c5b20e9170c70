"""A PostgreSQL cluster of our own on loopback, in a private folder, durable as shipped unless told otherwise."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psycopg
from psycopg import sql

from demo.stack.loopback import ADDRESS
from demo.stack.processes import Account, Process, ProcessFailed
from demo.stack.programs import library_environment

_SUPERUSER: Final = "wedsync"


def account() -> Account | None:
    """Return whom the server runs as: nobody for root, whom PostgreSQL refuses, and None for anybody else."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


class PostgresCluster:
    """One cluster from initdb to removal. Whoever reaches its loopback port is trusted: for tests and benchmarks only.

    `programs` is the folder of the server's programs. pg_stat_statements is loaded where the build has it. Without
    `durable` it waits for no disk: it survives the death of whoever uses it, and not its own machine's. `folder` is
    where its files lie, or already lay; None for a new place of their own.
    """

    def __init__(
        self, programs: Path, port: int, log_path: Path, *, durable: bool = True, folder: Path | None = None
    ) -> None:
        # Not under pytest's folders: those are closed to the other user the server may have to run as.
        self._folder = folder or Path(tempfile.mkdtemp(prefix="wedsync-postgresql-"))
        self._account = account()
        self._numbers = itertools.count(1)
        self._port = port
        self._durable = durable
        self._programs = self._reachable(programs)
        self.process = Process(
            name="PostgreSQL",
            argv=[self._programs / "postgres", "-D", self._folder / "data", *self._settings()],
            env=self._environment(),
            cwd=self._folder,
            ready=self._ready,
            log_path=log_path,
            account=self._account,
            # "Fast": sessions are ended. Orphaned, it leaves at once and recovers at the next start.
            stop_signal=signal.SIGINT,
            orphan_signal=signal.SIGQUIT,
        )

    def initialise(self) -> None:
        """Make the cluster's files. Raises ProcessFailed with initdb's own words."""
        if self._account:
            os.chown(self._folder, *self._account)
        done = subprocess.run(
            [
                self._programs / "initdb",
                f"--pgdata={self._folder / 'data'}",
                f"--username={_SUPERUSER}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
            ],
            cwd=self._folder,
            env=self._environment(),
            user=self._account.uid if self._account else None,
            group=self._account.gid if self._account else None,
            extra_groups=[] if self._account else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessFailed(f"initdb failed (exit {done.returncode}): {done.stdout[-1000:]} {done.stderr[-1000:]}")

    def url(self, database: str = "postgres") -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{_SUPERUSER}@{ADDRESS}:{self._port}/{database}"

    def create_database(self, template: str | None = None) -> str:
        """Return the URL of a new database: empty, or a copy of `template`, a URL to which nobody is connected."""
        name = f"wedsync_{next(self._numbers)}"
        copied = template.rpartition("/")[2] if template else "template1"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(copied))
        with psycopg.connect(self._conninfo(), autocommit=True) as connection:
            connection.execute(statement)
        return self.url(name)

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """Give the URL of a new database; it is dropped afterwards, whoever is still connected."""
        url = self.create_database(template)
        try:
            yield url
        finally:
            name = sql.Identifier(url.rpartition("/")[2])
            with psycopg.connect(self._conninfo(), autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    def remove(self) -> None:
        """Stop the server and remove every file of it but the log."""
        self.process.stop()
        shutil.rmtree(self._folder)

    def __enter__(self) -> Self:
        try:
            self.initialise()
            self.process.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def _settings(self) -> list[str]:
        settings = {
            "listen_addresses": ADDRESS,
            "port": self._port,
            "unix_socket_directories": self._folder,
            "timezone": "UTC",
            "log_timezone": "UTC",
            # The compiler for queries is a large library that an unpacked server does without.
            "jit": "off",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        if list(self._programs.parent.glob("**/pg_stat_statements.so")):
            settings["shared_preload_libraries"] = "pg_stat_statements"
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return inherited | library_environment(self._programs) | {"LC_ALL": "C"}

    def _conninfo(self) -> str:
        return f"host={ADDRESS} port={self._port} user={_SUPERUSER} dbname=postgres connect_timeout=5"

    def _ready(self) -> bool:
        try:
            with psycopg.connect(self._conninfo()):
                return True
        except psycopg.OperationalError:
            return False

    def _reachable(self, programs: Path) -> Path:
        """Return the programs' folder, copied first if the other user could not enter where it lies."""
        closed = [folder for folder in programs.parents if not folder.stat().st_mode & 0o001]
        if self._account is None or not closed:
            return programs
        top = programs.parents[4] if library_environment(programs) else programs.parent
        copy = self._folder / "programs"
        shutil.copytree(top, copy, symlinks=True)
        return copy / programs.relative_to(top)
