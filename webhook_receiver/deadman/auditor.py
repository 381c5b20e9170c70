"""A thread apart, with a connection of its own, that looks for whatever the ticker should have done and has not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from webhook_receiver.deadman import store
from webhook_receiver.deadman.emergency import Emergency
from webhook_receiver.deadman.findings import Finding, Kind, to_tell
from webhook_receiver.deadman.metrics import AuditMetrics
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database
from wedsync_core.telemetry.logs import get_log

LOOK_SECONDS = 10.0
FRESH = timedelta(seconds=45)
"""An auditor whose last look is older than this has died or hangs: what it found then says nothing now."""


class Auditor:
    """Finds, shows, withholds the heartbeat, and has the worst told past everything else. It mends nothing."""

    def __init__(
        self,
        *,
        database: Database,
        ticker_turns: Callable[[], None],
        tell: Callable[[Emergency], None],
        clock: Clock,
        metrics: AuditMetrics,
    ) -> None:
        """``ticker_turns`` raises Unavailable when the loop has stopped."""
        self._database = database
        self._ticker_turns = ticker_turns
        self._tell = tell
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("auditor")
        self._looks: list[list[Finding]] = [[], []]
        self._since: dict[Kind, datetime] = {}
        self._looked_at: datetime | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="auditor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the present look."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self._database.close()

    def well(self) -> bool:
        """Return whether the last look was a moment ago and found nothing."""
        looked_at = self._looked_at
        return looked_at is not None and self._clock.now() - looked_at < FRESH and not self._looks[-1]

    def look(self) -> list[Finding]:
        """Look once; returns what was found."""
        now = self._clock.now()
        found = self._found(now)
        self._log_changes(found)
        self._metrics.looked({one.kind: one.count for one in found}, now)
        for emergency in to_tell(found, self._looks, now):
            self._tell(emergency)
        self._looks = [self._looks[-1], found]
        self._looked_at = now
        return found

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:  # noqa: BLE001 -- the top of the loop: one bad look must not be the last
                self._log.exception("audit_failed")

    def _found(self, now: datetime) -> list[Finding]:
        found: list[Finding] = []
        try:
            with self._database.read() as transaction:
                found += store.overdue(transaction, now)
        except Unavailable:
            found.append(self._lasting(Kind.DATABASE_UNREACHABLE, now))
        try:
            self._ticker_turns()
        except Unavailable:
            found.append(self._lasting(Kind.TICKER_STALLED, now))
        kinds = {one.kind for one in found}
        self._since = {kind: since for kind, since in self._since.items() if kind in kinds}
        return found

    def _lasting(self, kind: Kind, now: datetime) -> Finding:
        """Return a finding that has no row to say since when."""
        return Finding(kind, 1, self._since.setdefault(kind, now))

    def _log_changes(self, found: list[Finding]) -> None:
        before, now = ({one.kind for one in look} for look in (self._looks[-1], found))
        for one in found:
            if one.kind not in before:
                self._log.error("audit_finding", kind=one.kind.value, count=one.count)
        for kind in before - now:
            self._log.info("audit_finding_over", kind=kind.value)
