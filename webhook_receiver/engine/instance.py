"""One process on one SQLite file. A file beside it is locked for the process's life; a dead holder frees it."""

from __future__ import annotations

import fcntl
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wedsync_core.storage import sqlite_file
from wedsync_core.web.command import CannotStart

PREDECESSOR_ENDS_WITHIN = 5.0
"""Seconds. A service manager may start the next process while the last one is still saying goodbye."""
_LOOKS_AGAIN_EVERY = 0.1
_SENTENCE: Final = (
    "another process{holder} works on {file}. SQLite serves one webhook_receiver at a time: stop the other one, "
    "or set databases.incidents to a PostgreSQL database, where several work together"
)


class AlreadyRunning(CannotStart):
    """Somebody else has this database. Trying again helps once they have ended."""


@dataclass
class _Held:
    descriptor: int
    count: int


# Held by this process, and by what it forks, for as long as any of them lives.
_held: Final[dict[Path, _Held]] = {}
_guard: Final = threading.Lock()


class InstanceLock:
    """The right to a SQLite file. Receivers within one process share it: they share the writer's queue too."""

    def __init__(self, database_file: Path) -> None:
        self._file = database_file
        self._path = database_file.with_name(f"{database_file.name}.lock").absolute()
        self._taken = False

    def take(self, patience: float = PREDECESSOR_ENDS_WITHIN) -> None:
        """Take it, waiting a little for a predecessor that is ending. Raises AlreadyRunning, and OSError."""
        with _guard:
            held = _held.get(self._path)
            if held is None:
                held = _held[self._path] = _Held(self._lock(patience), 0)
            held.count += 1
            self._taken = True

    def release(self) -> None:
        """Give it back; the last one of this process frees the file."""
        with _guard:
            if not self._taken:
                return
            self._taken = False
            held = _held[self._path]
            held.count -= 1
            if held.count == 0:
                os.close(_held.pop(self._path).descriptor)

    def _lock(self, patience: float) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        pause = threading.Event()
        for left in range(round(patience / _LOOKS_AGAIN_EVERY), -1, -1):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not left:
                    holder = self._holder()
                    os.close(descriptor)
                    raise AlreadyRunning(_SENTENCE.format(holder=holder, file=self._file)) from None
                pause.wait(_LOOKS_AGAIN_EVERY)
            else:
                break
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor

    def _holder(self) -> str:
        try:
            number = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            number = ""
        return f" (number {number})" if number.isdecimal() else ""


def instance_lock(database_url: str) -> InstanceLock | None:
    """Return the lock of a SQLite file; None for PostgreSQL, where several processes work together."""
    file = sqlite_file(database_url)
    return None if file is None else InstanceLock(file)
