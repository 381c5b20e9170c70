"""The one SQLite file behind all five services, a connection for each request."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from demo.service.faults import FaultBoard
from wedsync_core.clock import Clock

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS photos (
    id TEXT PRIMARY KEY, wedding TEXT NOT NULL, region TEXT NOT NULL, filename TEXT NOT NULL,
    checksum TEXT NOT NULL, size INTEGER NOT NULL, uploaded_at TEXT NOT NULL,
    verified_at TEXT, lost_at TEXT
);
CREATE INDEX IF NOT EXISTS photos_unverified ON photos (uploaded_at) WHERE verified_at IS NULL AND lost_at IS NULL;
CREATE TABLE IF NOT EXISTS photo_bytes (photo TEXT PRIMARY KEY REFERENCES photos (id), content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY, wedding TEXT NOT NULL, region TEXT NOT NULL, sender TEXT NOT NULL, text TEXT NOT NULL,
    sent_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_of_wedding ON messages (wedding, sent_at);
CREATE TABLE IF NOT EXISTS payments (
    id TEXT PRIMARY KEY, wedding TEXT NOT NULL, region TEXT NOT NULL, pence INTEGER NOT NULL, charge TEXT NOT NULL,
    paid_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS bookings (
    id TEXT PRIMARY KEY, supplier TEXT NOT NULL, day TEXT NOT NULL, wedding TEXT NOT NULL, region TEXT NOT NULL,
    booked_at TEXT NOT NULL, UNIQUE (supplier, day)
);
CREATE TABLE IF NOT EXISTS timeline_entries (
    id TEXT PRIMARY KEY, wedding TEXT NOT NULL, region TEXT NOT NULL, starts TEXT NOT NULL, what TEXT NOT NULL,
    changed_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS entries_of_wedding ON timeline_entries (wedding, starts);
"""

_PRUNED: Final = (
    ("photos", "uploaded_at"),
    ("messages", "sent_at"),
    ("payments", "paid_at"),
    ("bookings", "booked_at"),
)
KEPT_ROWS: Final = 5_000
"""Newest rows kept in each table that traffic fills: a demonstration left running must not fill the disk."""


class Database:
    """Opens connections. While `database_down` strikes, it opens them where no file can be, and SQLite itself fails."""

    def __init__(self, data_dir: Path, faults: FaultBoard, clock: Clock) -> None:
        self._path = data_dir / "wedsync-demo.db"
        self._unreachable = data_dir / "storage-unreachable" / "wedsync-demo.db"
        self._faults = faults
        self._clock = clock

    def create(self) -> None:
        """Make the file and its tables."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open(self._path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self, workflow: str, region: str | None) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside one transaction: committed at the end, rolled back by an exception.

        Raises sqlite3.OperationalError when the file cannot be opened or stays locked for five seconds.
        """
        struck = self._faults.struck("database_down", workflow, region, self._clock.monotonic())
        with closing(self._open(self._unreachable if struck else self._path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def prune(self) -> int:
        """Forget all but the newest rows; returns how many went."""
        gone = 0
        with closing(self._open(self._path)) as connection:
            for table, written_at in _PRUNED:
                oldest_kept = f"SELECT {written_at} FROM {table} ORDER BY {written_at} DESC LIMIT 1 OFFSET {KEPT_ROWS}"  # noqa: S608 - names from above
                gone += connection.execute(f"DELETE FROM {table} WHERE {written_at} <= ({oldest_kept})").rowcount  # noqa: S608
            connection.execute("DELETE FROM photo_bytes WHERE photo NOT IN (SELECT id FROM photos)")
        return gone

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        # Autocommit, so that BEGIN IMMEDIATE above is the only transaction there is.
        connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        connection.row_factory = sqlite3.Row
        return connection
