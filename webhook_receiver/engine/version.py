"""Which version of the engine works on a database: the newest that ever did. An older one stands down."""

from __future__ import annotations

from typing import Any, Final

from webhook_receiver.engine import store
from webhook_receiver.engine.metrics import EngineMetrics
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database
from wedsync_core.telemetry.logs import get_log

ENGINE_VERSION: Final = 1
"""Raised by one whenever code of before must not work on rows as code of now writes them."""
NAME = "version"


class EngineVersion:
    """Whether this replica may work. It asks before every turn of the loop; between turns it remembers."""

    def __init__(
        self, *, database: Database, clock: Clock, metrics: EngineMetrics, version: int = ENGINE_VERSION
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._version = version
        self._newest = version
        self._log = get_log("engine")

    def begin(self) -> None:
        """Raise the row to this version, unless it is there or further already. Raises Unavailable."""
        now = self._clock.now()
        with self._database.write() as transaction:
            kept = store.held_state(transaction, NAME, {"engine": self._version}, now)
            if kept["engine"] < self._version:
                store.keep_state(transaction, NAME, {"engine": self._version}, now)
        self.learn(kept)

    def learn(self, kept: Any) -> None:
        """Take note of the row as it was just read."""
        newest = max(int(kept["engine"]), self._version)
        if newest > self._version >= self._newest:
            self._log.error("engine_superseded", version=self._version, newest=newest)
        self._newest = newest
        self._metrics.superseded.set(self.superseded)

    @property
    def superseded(self) -> bool:
        """Whether newer code works on this database."""
        return self._newest > self._version

    def check(self) -> None:
        """Raise Unavailable when this replica stands down."""
        if self.superseded:
            raise Unavailable(
                f"engine version {self._newest} works on this database, this is version {self._version}: it stands "
                "down and can be stopped"
            )
