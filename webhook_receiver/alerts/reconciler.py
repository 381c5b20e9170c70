"""Compare our picture with the sources': at start, at intervals, and when a row waits for an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_receiver.alerts import episode_store, store
from webhook_receiver.alerts.comparison import Health, View, doubt_of, has_watchdog, watch, watchdog_updated_at
from webhook_receiver.alerts.corrections import Corrections
from webhook_receiver.alerts.lookback import LookBack
from webhook_receiver.alerts.metrics import ReconcileMetrics
from webhook_receiver.sources.contract import Evaluated, Sources, SourceUnavailable, UpstreamAlert
from wedsync_core.clock import Clock, format_timestamp, parse_timestamp
from wedsync_core.settings.engine import ReconcileSettings
from wedsync_core.storage import Database
from wedsync_core.telemetry.logs import get_log

EXPORTERS = "exporters"
"""The scrape job of the exporters, whose direct alarms no rule knows."""
BREATH_SECONDS = 1.0
"""Between two passes: a thousand resolutions that wait for evidence are one question."""


@dataclass(frozen=True)
class Answers:
    """What the sources said. None: no answer."""

    alerts: Mapping[str, UpstreamAlert] | None
    evaluated: Sequence[Evaluated] | None
    exporters_up: bool


class Reconciler:
    """One pass at a time. Once started it runs in a thread of its own: a source that hangs must not hold up a page."""

    def __init__(
        self,
        *,
        database: Database,
        sources: Sources,
        corrections: Corrections,
        look_back: LookBack,
        settings: ReconcileSettings,
        clock: Clock,
        metrics: ReconcileMetrics,
    ) -> None:
        self._database = database
        self._sources = sources
        self._corrections = corrections
        self._look_back = look_back
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("reconciler")
        self._next_pass = float("-inf")
        self._asked_at: datetime | None = None
        self._silent: set[str] = set()
        self._begin = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._done: Callable[[], None] = lambda: None

    def start(self, done: Callable[[], None]) -> None:
        """Do the passes in a thread of its own from now on; ``done`` is called after each that changed something."""
        self._done = done
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Do no further pass; one that runs finishes."""
        self._stopping.set()
        self._begin.set()
        if self._thread is not None:
            self._thread.join(10)

    def tick(self) -> int:
        """Do a pass if one is due; returns how many alerts were put right (0 once there is a thread for it)."""
        if not self._due():
            return 0
        if self._thread is None:
            return self.reconcile()
        self._begin.set()
        return 0

    def reconcile(self) -> int:
        """Do a pass: ask, compare, correct, look back. Raises Unavailable when the database cannot be used."""
        self._next_pass = self._clock.monotonic() + self._settings.every.total_seconds()
        self._asked_at = asked_at = self._clock.now()
        answers = self._ask()
        view, state = self._view(answers, asked_at)
        corrected = self._corrections.make(view)
        if answers.evaluated is not None:
            corrected += self._look(state, answers.evaluated, asked_at)
        return corrected

    def _due(self) -> bool:
        if self._asked_at is None or self._clock.monotonic() >= self._next_pass:
            return True
        with self._database.read() as transaction:
            wanted_at = store.reconcile_state(transaction).get("wanted_at")
            if wanted_at is not None and parse_timestamp(wanted_at) > self._asked_at:
                return True
            return episode_store.pressing_since(transaction, self._asked_at)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._begin.wait()
            self._begin.clear()
            if self._stopping.is_set():
                return
            try:
                if self.reconcile():
                    self._done()
            except Exception:  # noqa: BLE001 -- the top of the loop: the next pass may fare better
                self._metrics.errors.inc()
                self._log.exception("reconciliation_failed")
            self._stopping.wait(BREATH_SECONDS)

    def _ask(self) -> Answers:
        """Ask both; the silence of one never stops the other."""
        alerts = self._answer("alertmanager", self._sources.alertmanagers.alerts)
        evaluated = self._answer("prometheus", self._sources.prometheus.alerts)
        exporters_up = None
        if evaluated is not None:
            exporters_up = self._answer("prometheus", lambda: [self._sources.prometheus.up(EXPORTERS)])
        by_fingerprint = None if alerts is None else {alert.fingerprint: alert for alert in alerts}
        return Answers(by_fingerprint, evaluated, exporters_up=exporters_up == [True])

    def _answer(self, source: str, question: Callable[[], Sequence[Any]]) -> Sequence[Any] | None:
        try:
            answer = question()
        except SourceUnavailable as error:
            self._metrics.failures.labels(source).inc()
            if source not in self._silent:
                self._silent.add(source)
                self._log.error("source_does_not_answer", source=source, problem=str(error))
            return None
        if source in self._silent:
            self._silent.discard(source)
            self._log.info("source_answers_again", source=source)
        self._metrics.success.labels(source).set(self._clock.now().timestamp())
        return answer

    def _view(self, answers: Answers, asked_at: datetime) -> tuple[View, Mapping[str, Any]]:
        """Return what the answers are worth, and the state before this pass; what was learned is remembered."""
        evaluated = answers.evaluated
        with self._database.read() as transaction:
            state = store.reconcile_state(transaction)
            heard = store.watchdog_last_seen(transaction)
        seen = state.get("watchdog_seen", False) or heard is not None
        seen = seen or (evaluated is not None and has_watchdog(evaluated))
        before = Health(_moment(state.get("lost_at")), _moment(state.get("back_at")))
        answered = state.get("answered", False)
        health = watch(before, evaluated, watchdog_expected=seen, known=seen or answered, now=asked_at)
        learned: dict[str, Any] = {
            "answered": answered or evaluated is not None,
            "watchdog_seen": seen,
            "lost_at": _text(health.lost_at),
            "back_at": _text(health.back_at),
        }
        silent_since = None
        if answers.alerts is None:
            silent_since = _moment(state.get("alertmanager_silent_since")) or asked_at
        learned["alertmanager_silent_since"] = _text(silent_since)
        if evaluated is not None and not seen and "without_watchdog" not in state:
            learned["without_watchdog"] = _text(asked_at)
            self._log.warning("prometheus_has_no_watchdog", meaning="its word alone ends critical incidents")
        spoken_at = watchdog_updated_at(answers.alerts)
        if spoken_at is not None:
            # Told apart by change, not by comparing its clock with ours: each may be set.
            if _text(spoken_at) != state.get("watchdog_updated_at"):
                learned["watchdog_heard_at"] = _text(asked_at)
            learned |= {"watchdog_updated_at": _text(spoken_at), "watchdog_checked_at": _text(asked_at)}
        if {**state, **learned} != state:
            with self._database.write() as transaction:
                store.change_reconcile_state(transaction, learned, asked_at)
        doubt = doubt_of(health, evaluated, asked_at)
        # It may deliver and not answer: its messages are a sign of life too.
        undelivered = max(silent_since, heard or silent_since) if silent_since else None
        return View(asked_at, answers.alerts, evaluated, answers.exporters_up, doubt, undelivered), state

    def _look(self, state: Mapping[str, Any], evaluated: Sequence[Evaluated], asked_at: datetime) -> int:
        try:
            return self._look_back.look(state, evaluated, asked_at)
        except SourceUnavailable as error:
            # Not looked: the span stays open, and the next pass asks for it again.
            self._metrics.failures.labels("prometheus").inc()
            self._log.error("history_not_answered", problem=str(error))
            return 0


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_timestamp(text)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)
