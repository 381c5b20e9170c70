"""What came of the requests, in one line."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from exporters.instrumentation import WorkflowName

Result = Literal["ok", "refused", "failed", "unreachable"]


@dataclass(frozen=True)
class Outcome:
    """How one request ended: its HTTP status, or None when no answer came."""

    workflow: WorkflowName
    status: int | None
    seconds: float

    @property
    def result(self) -> Result:
        """`refused` is a right answer to a wrong or late request, such as a day already taken."""
        if self.status is None:
            return "unreachable"
        if self.status >= 500:
            return "failed"
        return "refused" if self.status >= 400 else "ok"


class Tally:
    """Counts outcomes; `line` tells of those since the last one and begins anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: list[Outcome] = []
        self._results: Counter[Result] = Counter()

    @property
    def total(self) -> Counter[Result]:
        """All results so far."""
        with self._lock:
            return Counter(self._results)

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        with self._lock:
            self._recent.append(outcome)
            self._results[outcome.result] += 1

    def line(self, seconds: float) -> str:
        """Return the summary of the last `seconds`."""
        with self._lock:
            recent, self._recent = self._recent, []
        results = Counter(outcome.result for outcome in recent)
        broken = Counter(outcome.workflow for outcome in recent if outcome.result in ("failed", "unreachable"))
        durations = sorted(outcome.seconds for outcome in recent)
        p95 = durations[int(0.95 * (len(durations) - 1))] if durations else 0.0
        parts = [f"{len(recent) / max(seconds, 0.001):.1f} requests/s", f"p95 {p95 * 1000:.0f} ms"]
        parts += [f"{result} {results[result]}" for result in ("ok", "refused", "failed", "unreachable")]
        if broken:
            parts.append("not answered well: " + ", ".join(f"{name} {count}" for name, count in broken.most_common()))
        return " | ".join(parts)
