"""What was kept and answered and is not processed yet: a storm, in memory, urgent alerts first.

The rows of the inbox are the truth; this is their order and saves reading them again. A process that dies leaves them
pending, and the next one finds them there. Alerts of one fingerprint keep their order: what makes one urgent
is part of what it is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Alert = TypeVar("Alert")
Message = TypeVar("Message")

MOST_ALERTS = 50_000
"""Some 150 MiB of alerts. What comes on top stays in the inbox alone until all of this has been processed."""


@dataclass
class Kept(Generic[Alert, Message]):
    """A message in the inbox. ``failed`` are its alerts that could not be processed, by position, and why.

    ``uncounted``: of a process that died; the next try at it must be counted first, as it may be what killed it.
    """

    inbox_id: int
    message: Message
    pieces_left: int = 0
    failed: list[tuple[int, str]] = field(default_factory=list)
    uncounted: bool = False


@dataclass(frozen=True)
class Piece(Generic[Alert, Message]):
    """Some alerts of a kept message, few enough for one short transaction; none when it has none."""

    of: Kept[Alert, Message]
    alerts: Sequence[Alert]


class Backlog(Generic[Alert, Message]):
    """Pieces of kept messages, waiting. Added to by requests, taken from by one worker at a time."""

    def __init__(self, *, per_piece: int, most: int = MOST_ALERTS) -> None:
        self._per_piece = per_piece
        self._most = most
        self._lock = threading.Lock()
        self._urgent: deque[Piece[Alert, Message]] = deque()
        self._others: deque[Piece[Alert, Message]] = deque()
        self._taken: list[Piece[Alert, Message]] = []
        self._taken_from = self._others
        self._alerts = 0
        self._overflowed = False

    @property
    def busy(self) -> bool:
        """Whether anything waits or is being processed: what comes now must not overtake it."""
        with self._lock:
            return bool(self._urgent or self._others or self._taken or self._overflowed)

    @property
    def alerts(self) -> int:
        """How many alerts wait."""
        return self._alerts

    def add(
        self,
        inbox_id: int,
        message: Message,
        urgent: Sequence[Alert],
        others: Sequence[Alert],
        *,
        uncounted: bool = False,
    ) -> None:
        """Let a message wait. Once one found no room, all later ones stay in the inbox too, until ``caught_up``."""
        kept = Kept[Alert, Message](inbox_id, message, uncounted=uncounted)
        with self._lock:
            if self._overflowed or self._alerts + len(urgent) + len(others) > self._most:
                self._overflowed = True
                return
            for queue, alerts in ((self._urgent, urgent), (self._others, others)):
                for start in range(0, len(alerts), self._per_piece):
                    queue.append(Piece(kept, alerts[start : start + self._per_piece]))
                    kept.pieces_left += 1
            if not kept.pieces_left:
                self._others.append(Piece(kept, ()))
                kept.pieces_left = 1
            self._alerts += len(urgent) + len(others)

    def take(self, most: int | None = None) -> list[Piece[Alert, Message]]:
        """Return pieces for one transaction, urgent ones before all others; they are in hand until ``done``.

        ``most`` alerts, or a single piece. What a dead process left over comes a piece at a time.
        """
        with self._lock:
            queue = self._taken_from = self._urgent or self._others
            alerts = 0
            while queue:
                room = self._per_piece if most is None or queue[0].of.uncounted else most
                if self._taken and alerts + len(queue[0].alerts) > room:
                    break
                piece = queue.popleft()
                alerts += len(piece.alerts)
                self._taken.append(piece)
            self._alerts -= alerts
            return list(self._taken)

    def urgent(self) -> list[Message]:
        """Return the messages that hold something urgent which waits, each once."""
        with self._lock:
            in_hand = self._taken if self._taken_from is self._urgent else []
            waiting = {piece.of.inbox_id: piece.of.message for piece in (*in_hand, *self._urgent)}
        return list(waiting.values())

    def done(self) -> None:
        """The pieces in hand have been processed."""
        with self._lock:
            self._taken.clear()

    def put_back(self) -> None:
        """The pieces in hand could not be processed now: they come first again."""
        with self._lock:
            for piece in reversed(self._taken):
                self._taken_from.appendleft(piece)
                self._alerts += len(piece.alerts)
            self._taken.clear()

    def caught_up(self) -> None:
        """The inbox holds nothing that waits: new messages may wait here again."""
        with self._lock:
            self._overflowed = False
