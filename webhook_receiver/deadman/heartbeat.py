"""The heartbeat, out: an observer elsewhere calls when it stops. It beats only while all is well."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import requests

from webhook_receiver.deadman.metrics import HeartbeatMetrics
from wedsync_core.telemetry.logs import get_log

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0


class Heartbeat:
    """Calls the observer's URL, which is a secret: whoever knows it can keep him from calling. It is never logged."""

    def __init__(
        self, *, url_file: Path | None, every: timedelta, well: Callable[[], bool], metrics: HeartbeatMetrics
    ) -> None:
        self._url_file = url_file
        self._every = every
        self._well = well
        self._metrics = metrics
        self._log = get_log("deadman")
        self._last = "sent"
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to beat, in a thread of its own, where the settings name an observer."""
        if self._url_file is None:
            return
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the present beat."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def beat(self) -> str:
        """Beat once, or withhold the beat; returns the outcome: ``sent``, ``failed`` or ``withheld``."""
        outcome = self._call() if self._well() else "withheld"
        self._metrics.beats.labels(outcome).inc()
        if outcome != self._last:
            record = self._log.info if outcome == "sent" else self._log.error
            record("heartbeat", outcome=outcome)
        self._last = outcome
        return outcome

    def _run(self) -> None:
        while not self._stopping.wait(self._every.total_seconds()):
            try:
                self.beat()
            except Exception as error:  # noqa: BLE001 -- the top of the loop; a traceback could show the URL
                self._metrics.beats.labels("failed").inc()
                self._log.error("heartbeat", outcome="failed", problem=type(error).__name__)

    def _call(self) -> str:
        if self._url_file is None:
            return "withheld"
        try:
            # Read at each beat: a rotated file is seen at the next.
            url = self._url_file.read_text(encoding="utf-8").strip()
            with requests.Session() as session:
                session.trust_env = False
                answer = session.get(url, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False)
        except (OSError, ValueError) as error:  # requests' own errors are OSErrors; their text holds the URL
            self._log.warning("heartbeat_failed", problem=type(error).__name__)
            return "failed"
        if not 200 <= answer.status_code < 300:
            self._log.warning("heartbeat_failed", problem=f"the observer answered {answer.status_code}")
            return "failed"
        return "sent"
