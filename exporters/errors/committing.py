"""Many requests, one transaction: whoever comes first commits for all who came meanwhile. Commits wait for the disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")
MOST_TOGETHER = 64


@dataclass
class _Waiting(Generic[Work, Outcome]):
    work: Work
    outcome: list[Outcome] = field(default_factory=list)
    trouble: Exception | None = None

    @property
    def done(self) -> bool:
        return bool(self.outcome) or self.trouble is not None


class Together(Generic[Work, Outcome]):
    """Runs `commit` for the work of several threads at once; each gets its own outcome, or its own exception."""

    def __init__(self, commit: Callable[[Sequence[Work]], Sequence[Outcome]]) -> None:
        self._commit = commit
        self._turn = threading.Lock()
        self._waiting: deque[_Waiting[Work, Outcome]] = deque()

    def submit(self, work: Work) -> Outcome:
        """Return the outcome of the work once it is committed; raises what the commit raises."""
        mine: _Waiting[Work, Outcome] = _Waiting(work)
        self._waiting.append(mine)
        while not mine.done:
            with self._turn:
                if not mine.done:
                    self._lead()
        if mine.trouble is not None:
            raise mine.trouble
        return mine.outcome[0]

    def _lead(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
        try:
            outcomes = self._commit([one.work for one in batch])
        except Exception as error:  # noqa: BLE001 - every one of them is told, none may wait for ever
            self._alone(batch, error)
            return
        for one, outcome in zip(batch, outcomes, strict=True):
            one.outcome.append(outcome)

    def _alone(self, batch: Sequence[_Waiting[Work, Outcome]], error: Exception) -> None:
        """What failed together is tried once more one by one: nobody's request fails for what another's holds."""
        for one in batch:
            if len(batch) == 1:
                one.trouble = error
                continue
            try:
                one.outcome.extend(self._commit([one.work]))
            except Exception as own:  # noqa: BLE001 - it is raised where it belongs
                one.trouble = own
