"""The background loop: checks what was stored, and keeps the demonstration's data small."""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import Final

from demo.service.database import Database
from demo.service.integrity import Integrity

_log = logging.getLogger(__name__)

CHECK_EVERY_SECONDS: Final = 2.0
PRUNE_EVERY_CHECKS: Final = 30


class Upkeep:
    """Runs the integrity check every two seconds and prunes every minute."""

    def __init__(self, integrity: Integrity, database: Database) -> None:
        self._integrity = integrity
        self._database = database
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-upkeep", daemon=True)

    def start(self) -> None:
        """Start the loop."""
        self._thread.start()

    def stop(self) -> None:
        """Stop it after the turn under way."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        turn = 0
        while not self._stopping.wait(CHECK_EVERY_SECONDS):
            turn += 1
            try:
                self._integrity.check()
                if turn % PRUNE_EVERY_CHECKS == 0:
                    self._database.prune()
            except sqlite3.Error as error:
                # Expected while the fault database_down is in force; the next turn tries again.
                _log.warning("upkeep could not be done: %s", error)
