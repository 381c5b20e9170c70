"""A lock whose waiters get it in the order they came. The library's own goes to whoever is quickest."""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """One holder at a time. A loop that takes it again and again cannot keep a request from its turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._held = False

    def acquire(self, timeout: float = -1) -> bool:
        """Wait for the turn, ``timeout`` seconds at most unless negative; returns whether it came."""
        with self._lock:
            if not self._held:
                self._held = True
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(None if timeout < 0 else timeout):
            return True
        with self._lock:
            if mine.is_set():
                return True  # it came between the end of our patience and now
            self._waiting.remove(mine)
            return False

    def release(self) -> None:
        """Hand the turn to whoever has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False
