"""The errors room's only loop: counts every second, looks at the groups every few, lets go of what is old."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from exporters.errors.counting import BATCH, Counting
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.pruning import Pruning
from exporters.errors.watching import Watching
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.telemetry.logs import get_log

POLL_SECONDS = 1.0
LOOKS_EVERY = timedelta(seconds=15)
ASKS_EVERY = timedelta(seconds=30)
PRUNES_EVERY = timedelta(minutes=10)
THINS_EVERY = timedelta(minutes=1)


class Keeper:
    """Keeps the errors room in order. Tests turn it by hand; the server starts it."""

    def __init__(
        self, *, counting: Counting, watching: Watching, pruning: Pruning, clock: Clock, metrics: ErrorMetrics
    ) -> None:
        self.counting = counting
        self.watching = watching
        self.pruning = pruning
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("errors")
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._due: dict[str, datetime] = {}

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="error-keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the step under way finish and end; what waits is in its rows."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def check(self) -> None:
        """Raise Unavailable when the keeper was started and its thread is gone."""
        if self._thread is not None and not self._thread.is_alive():
            raise Unavailable("the errors room's keeper is not running")

    def turn(self) -> int:
        """Do what is due; returns how many tallies were counted. One step that fails leaves the others alone."""
        counted = self._step("count", self.counting.turn)
        now = self._clock.now()
        for name, every, step in (
            ("escalations", LOOKS_EVERY, self._escalations),
            ("recoveries", ASKS_EVERY, self._recoveries),
            ("thin_out", THINS_EVERY, self.pruning.thin_out),
            ("prune", PRUNES_EVERY, self.pruning.turn),
        ):
            if now >= self._due.get(name, now) and not self._stopping.is_set():
                self._due[name] = now + every
                self._step(name, lambda step=step: step(now))  # type: ignore[misc]
        return counted

    def _escalations(self, now: datetime) -> int:
        turns = self.watching.escalations(now)
        self.counting.tell(turns)
        return len(turns)

    def _recoveries(self, now: datetime) -> int:
        turns = self.watching.recoveries(now)
        self.counting.tell(turns)
        return len(turns) + self.watching.let_go(now)

    def _step(self, name: str, step: Callable[[], int]) -> int:
        try:
            return step()
        except Unavailable as error:
            self._metrics.keeper_failures.labels(name).inc()
            self._log.warning("keeper_step_delayed", step=name, problem=error.detail)
        except Exception as error:  # noqa: BLE001 - the top of the loop: one bad step must not be the last
            self._metrics.keeper_failures.labels(name).inc()
            self._log.error("keeper_step_failed", step=name, exc_info=error)
        return 0

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self.turn() < BATCH:
                self._stopping.wait(POLL_SECONDS)
