"""Says no in time: before the disk or the queue is in danger, and before one source takes what all others need."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from exporters.errors import tally_store
from exporters.errors.contract import ErrorReport, Refused
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.quota import Full, Over, Source, Windows, rate_limits
from wedsync_core.clock import Clock
from wedsync_core.problems import Problem, Unavailable
from wedsync_core.settings.errors import ErrorQuotas
from wedsync_core.storage import Database

LOOKS_EVERY_SECONDS = 1.0
DANGER_RETRY_SECONDS = 30
_GRAVE = frozenset({"service_failure", "data_loss"})
_SENTENCES: Mapping[Over, str] = {
    Over.TOKEN: "the quota of this token is used up",
    Over.PROJECT: "the quota of this project is used up",
    Over.SERVICE: "the quota of this service is used up",
    Over.QUEUE: "too many reports wait to be counted",
    Over.DISK: "the disk has too little room left",
}


class OverQuota(Problem):
    """More than may come now; the same request can succeed later."""

    status, title, retryable = 429, "Too many reports", True


class Admission:
    """Keeps the quotas of every source, and an eye on the queue and the disk."""

    def __init__(
        self,
        *,
        quotas: ErrorQuotas,
        services: Callable[[str], str],
        database: Database,
        free_bytes: Callable[[], int],
        clock: Clock,
        metrics: ErrorMetrics,
    ) -> None:
        self._quotas = quotas
        self._service_label = services
        self._database = database
        self._free_bytes = free_bytes
        self._clock = clock
        self._metrics = metrics
        self._lock = threading.Lock()
        limits = {Over.TOKEN: quotas.per_token, Over.PROJECT: quotas.per_project, Over.SERVICE: quotas.per_service}
        self._windows = Windows(limits, quotas.reserved)
        self._looked_at: float | None = None
        self._waiting, self._free = 0, 0

    def before_reading(self, source: Source | None) -> None:
        """Raise OverQuota when whatever the request holds could not be taken. It is counted as one report.

        Without a source only the queue and the disk are looked at.
        """
        full = self._danger(grave=True)
        if full is None and source is not None:
            with self._lock:
                full = self._windows.full(source, self._clock.monotonic())
        if full is not None:
            raise self._dropped(full, 1)

    def admit(self, source: Source, reports: Iterable[ErrorReport | Refused]) -> None:
        """Count the reports of a request, all or none; raises OverQuota."""
        good = [report for report in reports if not isinstance(report, Refused)]
        if not good:
            return
        grave = any(report.type in _GRAVE or report.affects for report in good)
        full = self._danger(grave=grave)
        if full is None:
            services = Counter(self._service_label(report.service) for report in good)
            asked = {source: len(good)} | {Source(Over.SERVICE, name): many for name, many in services.items()}
            with self._lock:
                full = self._windows.take(asked, self._clock.monotonic(), grave=grave)
        if full is not None:
            raise self._dropped(full, len(good))

    def used_up(self, source: Source) -> Full | None:
        """Tell whether a source has nothing left, so that an answer can say so before the next request."""
        with self._lock:
            return self._windows.full(source, self._clock.monotonic())

    def _danger(self, *, grave: bool) -> Full | None:
        """What is grave is still taken into the second half of the room that is kept."""
        self._look()
        share = 2 if grave else 1
        if self._free < self._quotas.free_disk_mib * 1024 * 1024 // share:
            return Full(Over.DISK, DANGER_RETRY_SECONDS)
        if self._waiting > self._quotas.uncounted * share:
            return Full(Over.QUEUE, DANGER_RETRY_SECONDS)
        return None

    def _look(self) -> None:
        now = self._clock.monotonic()
        with self._lock:
            if self._looked_at is not None and now - self._looked_at < LOOKS_EVERY_SECONDS:
                return
            self._looked_at = now
        self._free = self._free_bytes()
        try:
            with self._database.read() as transaction:
                self._waiting = tally_store.backlog(transaction)
        except Unavailable:
            # The intake itself says so, to whoever asks it, a moment later.
            return

    def _dropped(self, full: Full, reports: int) -> OverQuota:
        self._metrics.dropped.labels(full.reason.value).inc(reports)
        headers = {"Retry-After": str(full.retry_after), "X-Sentry-Rate-Limits": rate_limits(full)}
        return OverQuota(f"{_SENTENCES[full.reason]}; try again in {full.retry_after} seconds", headers=headers)
