"""Sends the plan: in its order, at its pace, with a bound on what is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import requests

from demo.traffic.plan import Step
from demo.traffic.tally import Outcome, Tally
from wedsync_core.clock import Clock

Send = Callable[[Step], Outcome]

PATIENCE_SECONDS: Final = 15.0
GRACE_SECONDS: Final = 1.0
"""How late a step may be before the plan is moved: after a pause the driver goes on, without a burst to catch up."""
GLANCE_SECONDS: Final = 0.2
"""The longest wait before looking up: whether to stop, or to say a line."""


def send_over_http(url: str, clock: Clock) -> Send:
    """Return what sends a step to the service at `url`. No answer is an outcome too: the service may be restarting."""
    local = threading.local()

    def send(step: Step) -> Outcome:
        if not hasattr(local, "session"):
            # A session is not made for several threads.
            local.session = requests.Session()
            local.session.trust_env = False
        started = clock.monotonic()
        try:
            answer = local.session.request(
                step.method, url + step.path, json=step.sent, timeout=PATIENCE_SECONDS, allow_redirects=False
            )
            status = answer.status_code
        except requests.RequestException:
            status = None
        return Outcome(step.workflow, status, clock.monotonic() - started)

    return send


class Driver:
    """Runs a plan until it ends, `stop` is set, or `seconds` have passed."""

    def __init__(
        self,
        send: Send,
        clock: Clock,
        stop: threading.Event,
        *,
        concurrency: int = 40,
        report_every: float = 10.0,
        seconds: float | None = None,
    ) -> None:
        self._send = send
        self._clock = clock
        self._stop = stop
        self._concurrency = concurrency
        self._places = threading.Semaphore(concurrency)
        self._report_every = report_every
        self._seconds = seconds
        self.tally = Tally()

    def run(self, steps: Iterable[Step], say: Callable[[str], None]) -> None:
        """Send the steps; `say` gets a line now and then and one at the end, when all under way are answered."""
        began = self._reported = self._clock.monotonic()
        moved = 0.0
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="traffic") as pool:
            for step in steps:
                due = began + moved + step.at
                if not self._place_for(due, began, say):
                    break
                late = self._clock.monotonic() - due
                if late > GRACE_SECONDS:
                    moved += late
                pool.submit(self._one, step)
        say(self.tally.line(self._clock.monotonic() - self._reported))

    def _place_for(self, due: float, began: float, say: Callable[[str], None]) -> bool:
        """Wait until a step is due and has a place; returns False when it is time to stop instead."""
        while not self._stop.is_set():
            now = self._clock.monotonic()
            if self._seconds is not None and now - began >= self._seconds:
                return False
            if now - self._reported >= self._report_every:
                say(self.tally.line(now - self._reported))
                self._reported = now
            if now < due:
                self._stop.wait(min(due - now, GLANCE_SECONDS))
            elif self._places.acquire(timeout=GLANCE_SECONDS):
                return True
        return False

    def _one(self, step: Step) -> None:
        try:
            self.tally.add(self._send(step))
        finally:
            self._places.release()
