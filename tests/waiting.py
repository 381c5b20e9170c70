"""Waiting for what another process does. A wait that ends in vain fails the test."""

import threading
from collections.abc import Callable
from pathlib import Path

from wedsync_core.clock import SystemClock


def wait_until(question: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return as soon as the answer is yes; fail after so many seconds."""
    clock = SystemClock()
    deadline = clock.monotonic() + seconds
    while not question():
        assert clock.monotonic() < deadline, "it did not come to pass in time"
        threading.Event().wait(0.02)


def lives(pid: int) -> bool:
    """Return whether a process runs: one that has ended and is not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
