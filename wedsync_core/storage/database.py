"""One database: SQLite by default, PostgreSQL by a URL, the same calls on both."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, create_engine, event, text
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeDecorator

from wedsync_core.clock import SystemClock, require_aware
from wedsync_core.problems import Unavailable
from wedsync_core.storage.turns import Turns

BUSY_TIMEOUT_SECONDS = 5
POOL_WAIT_SECONDS = 2
"""A caller waits this long for a connection and is then told to try again: Alertmanager retries a 503 quickly."""

_WAL_TRIES = 50
_WRITES = "wedsync_writes"
_BUSY = frozenset({"DeadlockDetected", "LockNotAvailable", "SerializationFailure"})


class Busy(Unavailable):
    """The database is there; somebody holds what this transaction wants, or the two stood in each other's way."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment. SQLite has no zones, so it is kept there as naive UTC; naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware moment into what the database keeps."""
        if value is None:
            return None
        moment = require_aware(value, "stored moment")
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Turn what the database kept into an aware UTC moment."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """An engine with the two ways of using it, ``read`` and ``write``.

    SQLite takes one writer at a time and makes the others poll, unfairly (waits of seconds were measured), so writers
    of this process queue on a lock instead. PostgreSQL needs no such queue.
    """

    def __init__(self, url: str | URL, *, pool_size: int = 8) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._writers = Turns()
        self._clock = SystemClock()
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url, pool_size)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection in a transaction that only reads; raises Unavailable when there is no database."""
        with trouble_is_unavailable(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *, within: float | None = None) -> Iterator[Connection]:
        """Give a connection in a transaction: committed, and on disk, when the block ends without an exception.

        ``within`` seconds every lock must be had, where a caller had better be told to try again than wait longer.
        Raises Unavailable.
        """
        with trouble_is_unavailable():
            if not self.is_sqlite:
                with self.engine.begin() as connection:
                    if within is not None:
                        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(within * 1000)}")
                    yield connection
                return
            with self._turn_to_write(within) as left, self.engine.connect() as connection:
                with _busy_timeout(connection, left), connection.execution_options(**{_WRITES: True}).begin():
                    yield connection

    @contextmanager
    def _turn_to_write(self, within: float | None) -> Iterator[float | None]:
        """Wait for the other writers of this process; gives what is left of ``within``."""
        begun = self._clock.monotonic()
        if not self._writers.acquire(timeout=-1 if within is None else within):
            raise Unavailable("another writer holds the database")
        try:
            yield None if within is None else max(within - (self._clock.monotonic() - begun), 0.05)
        finally:
            self._writers.release()

    def check(self) -> None:
        """Raise Unavailable unless the database answers."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Return every connection."""
        self.engine.dispose()


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{path}"


def sqlite_file(url: str | URL) -> Path | None:
    """Return the file of a SQLite URL; None for another database, and for one in memory."""
    made = make_url(url)
    if made.get_backend_name() != "sqlite" or made.database in (None, "", ":memory:"):
        return None
    return Path(str(made.database))


@contextmanager
def _busy_timeout(connection: Connection, within: float | None) -> Iterator[None]:
    """Let SQLite wait less for another process than it does otherwise."""
    driver = connection.connection.driver_connection
    if within is None or driver is None:
        yield
        return
    driver.execute(f"PRAGMA busy_timeout = {round(within * 1000)}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")


@contextmanager
def trouble_is_unavailable() -> Iterator[None]:
    """Turn lost connections, locks and full disks into Unavailable; a broken constraint stays what it is."""
    try:
        yield
    except DBAPIError as error:
        if type(error.orig).__name__ in _BUSY:
            raise Busy("the database is busy with others who want the same") from error
        if _transient(error):
            raise Unavailable("the database cannot be used right now") from error
        raise
    except TimeoutError as error:
        raise Unavailable("no database connection is free") from error


def _transient(error: DBAPIError) -> bool:
    name = type(error.orig).__name__
    return error.connection_invalidated or name in {
        "OperationalError",  # both drivers: no connection, locked, disk full, read-only
        "InterfaceError",
        "AdminShutdown",
        "CannotConnectNow",
        "DiskFull",
        "QueryCanceled",
        "IdleInTransactionSessionTimeout",
        "ConnectionTimeout",
    }


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        json_serializer=_json_text,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver's own transaction control begins too late for BEGIN IMMEDIATE; ours is in _begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        _write_ahead(cursor)
        # NORMAL loses acknowledged commits in a power cut (109 to 774 of them, measured); FULL lost none.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _write_ahead(cursor: Any) -> None:
    """Switch to WAL. SQLite refuses at once, whatever the timeout, while another process makes the same switch."""
    for patience in range(_WAL_TRIES, -1, -1):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if not patience:
                raise
            threading.Event().wait(BUSY_TIMEOUT_SECONDS / _WAL_TRIES)
        else:
            return


def _postgresql_engine(url: URL, pool_size: int) -> Engine:
    return create_engine(
        url,
        json_serializer=_json_text,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": 2,
            # A server that is gone without a word (a cut cable) answers no statement and breaks no connection either.
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "options": "-c statement_timeout=15000 -c lock_timeout=5000 -c timezone=UTC",
        },
    )
