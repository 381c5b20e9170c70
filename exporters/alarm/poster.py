"""Finds alarms that are due and posts them: at once when woken, every second by itself, again until they are taken."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from exporters.alarm import store
from exporters.alarm.alertmanager import Answer, Post
from exporters.alarm.contract import Alarm
from exporters.alarm.decision import AlarmRow, Due, Outcome, State, Step, after_post, next_step, payload
from exporters.alarm.metrics import AlarmMetrics
from exporters.alarm.store import Claimed
from wedsync_core.clock import Clock
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log

POLL_SECONDS = 1.0
"""The rows are the truth: whatever a wake-up missed (another process, a restart) is found by looking this often."""
BATCH = 100
"""Alarms in one POST."""


@dataclass(frozen=True)
class _Work:
    claimed: Claimed
    due: Due


class AlarmPoster:
    """Looks after every alarm of the telemetry database, together with the posters of other processes."""

    def __init__(
        self, *, database: Database, urls: Sequence[str], post: Post, clock: Clock, metrics: AlarmMetrics
    ) -> None:
        self._database = database
        self._urls = tuple(dict.fromkeys(url.rstrip("/") for url in urls))
        self._post = post
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("alarm")
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        # One a URL: an Alertmanager that hangs must not keep an alarm from the others.
        self._lines = ThreadPoolExecutor(max(len(self._urls), 1), thread_name_prefix="alertmanager")

    def raise_alarms(self, transaction: Transaction, alarms: Iterable[tuple[Alarm, int]], now: datetime) -> bool:
        """Note alarms with the number of their errors, in the caller's transaction; call `wake` once it is committed.

        Returns whether any is to be posted at once.
        """
        return store.raise_alarms(transaction, alarms, now)

    def end_alarms(self, transaction: Transaction, group_keys: Iterable[str], now: datetime) -> int:
        """Note that the errors of these groups are over, in the caller's transaction; call `wake` afterwards.

        Returns how many alarms end by it.
        """
        return store.end(transaction, group_keys, now)

    def silent_alarms(self, transaction: Transaction, before: datetime, limit: int) -> list[tuple[str, str]]:
        """Return the group key and region of live alarms without an error since then."""
        return store.silent(transaction, before, limit)

    def wake(self) -> None:
        """Look at the rows now: something was just committed."""
        self._woken.set()

    def start(self) -> None:
        """Start the thread that looks after the alarms."""
        self._thread = threading.Thread(target=self._run, name="alarm-poster", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the post under way finish and end; what is due stays in its row for the next start."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self._lines.shutdown(wait=True)

    def check(self) -> None:
        """Raise Unavailable when the poster was started and its thread is gone."""
        if self._thread is not None and not self._thread.is_alive():
            raise Unavailable("the alarm poster is not running")

    def turn(self) -> int:
        """Do whatever is due with one batch of alarms; returns how many. Raises Unavailable without a database."""
        with self._database.read() as transaction:
            if not store.any_due(transaction, self._clock.now()):
                return 0
        now = self._clock.now()
        with self._database.write() as transaction:
            claimed = store.claim(transaction, now, BATCH)
        work = [_Work(one, next_step(one.row, self._urls, now)) for one in claimed]
        answers = self._post_all([one for one in work if one.due.step is Step.POST], now)
        with self._database.write() as transaction:
            for one in work:
                row = self._followed(one, answers.get(one.claimed.alarm_id, {}), now)
                store.advance(transaction, one.claimed, row)
        return len(work)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                worked = self.turn()
            except Unavailable as error:
                worked = 0
                self._log.warning("alarms_unreadable", problem=error.detail)
            except Exception as error:  # noqa: BLE001 - the top of the loop: one bad turn must not be the last
                worked = 0
                self._log.error("alarm_turn_failed", exc_info=error)
            if worked < BATCH:
                self._woken.wait(POLL_SECONDS)
                self._woken.clear()

    def _post_all(self, work: Sequence[_Work], now: datetime) -> dict[int, dict[str, Answer]]:
        """Post to every Alertmanager side by side; returns the answers by alarm and URL."""
        answers: dict[int, dict[str, Answer]] = {one.claimed.alarm_id: {} for one in work}

        def one_line(url: str) -> list[tuple[int, Answer]]:
            return self._post_to(url, [one for one in work if url in one.due.targets], now)

        for url, told in zip(self._urls, self._lines.map(one_line, self._urls), strict=True):
            for alarm_id, answer in told:
                answers[alarm_id][url] = answer
                self._metrics.posted.labels(answer.outcome.value).inc()
        return answers

    def _post_to(self, url: str, work: Sequence[_Work], now: datetime) -> list[tuple[int, Answer]]:
        """Post several alarms at once; when they are refused together, in halves, until the bad one stands alone."""
        if not work:
            return []
        answer = self._post(url, [payload(one.claimed.row, now) for one in work])
        if answer.outcome is Outcome.REFUSED and len(work) > 1:
            half = len(work) // 2
            return [*self._post_to(url, work[:half], now), *self._post_to(url, work[half:], now)]
        return [(one.claimed.alarm_id, answer) for one in work]

    def _followed(self, work: _Work, answers: Mapping[str, Answer], now: datetime) -> AlarmRow:
        before = work.claimed.row
        if work.due.step is not Step.POST:
            return replace(before, state=State.ENDED) if work.due.step is Step.END else before
        problem = "; ".join(f"{url} {answer.problem}" for url, answer in answers.items() if answer.problem)
        outcomes = {url: answer.outcome for url, answer in answers.items()}
        after = after_post(before, work.due, outcomes, now, problem)
        self._tell(before, after)
        return after

    def _tell(self, before: AlarmRow, after: AlarmRow) -> None:
        """Log turns, not repeats: taken, first trouble, quarantined."""
        known = {"group": after.labels.get("group"), "region": after.region, "severity": after.labels.get("severity")}
        if after.state is State.QUARANTINED and before.state is not State.QUARANTINED:
            self._log.error("alarm_quarantined", problem=after.last_problem, **known)
        elif before.untaken_since is not None and after.untaken_since is None:
            self._log.info("alarm_posted", attempts=before.attempts + 1, **known)
        elif after.attempts == 1:
            self._log.warning("alarm_not_taken", problem=after.last_problem, **known)
