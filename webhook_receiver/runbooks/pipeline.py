"""The runbooks' own loop and their own workers: what hangs here holds up no page."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from webhook_receiver.runbooks import store
from webhook_receiver.runbooks.carrying import Carrying, Claim
from webhook_receiver.runbooks.metrics import RunbookMetrics
from webhook_receiver.runbooks.service import Runbooks
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database
from wedsync_core.telemetry.logs import get_log

WORKERS = 4
"""Runs carried out at once by one replica."""
TURN_SECONDS = 1.0
STOP_SECONDS = 10.0
"""A step under way has this long to end when the receiver stops; otherwise its run is unknown."""


class Pipeline:
    """Finds what is due, keeps what is in hand, and hands runs to workers.

    ``machine`` counts how long a step takes. Tests call ``turn``; the server starts a thread.
    """

    def __init__(
        self,
        *,
        database: Database,
        runbooks: Runbooks,
        carrying: Carrying,
        metrics: RunbookMetrics,
        clock: Clock,
        machine: Clock,
    ) -> None:
        self._database = database
        self._runbooks = runbooks
        self._carrying = carrying
        self._metrics = metrics
        self._clock = clock
        self._machine = machine
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="runbook")
        self._hand: dict[Claim, float] = {}
        """The runs in hand, and until when by the machine's seconds their present step may take."""
        self._changed = threading.Condition()
        self._log = get_log("runbooks")
        metrics.loaded.set(len(runbooks.library.pages))
        metrics.broken.set(len(runbooks.library.broken))

    def tick(self) -> int:
        """Ask for a turn now; returns 0. All that the ticker does for runbooks."""
        self._wake.set()
        return 0

    def start(self) -> None:
        """Turn in a thread of its own from now on."""
        self._thread = threading.Thread(target=self._run, name="runbooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begin no step any more; what is between two steps is handed back."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        self.wait_until_idle(STOP_SECONDS)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def turn(self) -> int:
        """Do what is due once, without waiting for the workers; returns how much that was. Raises Unavailable."""
        self._renew()
        handled = self._runbooks.find()
        with self._database.read() as transaction:
            if not store.anything_due(transaction, self._clock.now()):
                return handled
        handled += self._runbooks.give_up_lost() + self._runbooks.expire() + self._runbooks.verify()
        with self._changed:
            free = WORKERS - len(self._hand)
        claims = self._carrying.claim(free) if free > 0 and not self._stopping.is_set() else []
        for claim in claims:
            self._limit(claim, timedelta(seconds=60))
            self._pool.submit(self._work, claim)
        return handled + len(claims)

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait for the workers; returns whether nothing is in hand."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._hand, seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            handled = 0
            try:
                handled = self.turn()
            except Unavailable:
                self._metrics.failures.inc()  # the ticker says what is wrong with the database
            except Exception:  # noqa: BLE001 -- the top of the loop: the next turn may fare better
                self._metrics.failures.inc()
                self._log.exception("runbooks_failed")
            if handled == 0:
                self._wake.wait(TURN_SECONDS)

    def _renew(self) -> None:
        """Keep the runs in hand, but not one whose step has hung: that is given up for lost when its lease ends."""
        with self._changed:
            kept = [claim for claim, until in self._hand.items() if self._machine.monotonic() < until]
        for claim in kept:
            self._carrying.renew(claim)

    def _limit(self, claim: Claim, span: timedelta) -> None:
        with self._changed:
            self._hand[claim] = self._machine.monotonic() + span.total_seconds()

    def _work(self, claim: Claim) -> None:
        try:
            self._carrying.carry(claim, self._limit, self._stopping.is_set)
        except Unavailable:
            # What it was about to do was not done, or was not written: the lease runs out, and people are told.
            self._log.error("runbook_step_not_recorded", run=claim.run_id)
        except Exception:  # noqa: BLE001 -- the top of a worker: a fault in one run must not cost the others theirs
            self._metrics.failures.inc()
            self._log.exception("runbook_worker_failed", run=claim.run_id)
        finally:
            with self._changed:
                self._hand.pop(claim, None)
                self._changed.notify_all()
            self._wake.set()
