"""Signals that ask this process to stop, as something to wait for."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked:
    """Set by a signal, waited for by the main thread.

    A `threading.Event` will not do: its lock may be held by the very thread the handler interrupts, which then waits
    for itself. A pipe has no such lock.
    """

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def set(self) -> None:
        """Ask for the stop. Safe in a signal handler."""
        os.write(self._writing, b"!")

    def wait(self, timeout: float, /) -> bool:
        """Wait at most so many seconds; return True as soon as the stop was asked for."""
        return bool(select.select([self._reading], [], [], timeout)[0])

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._reading)
        os.close(self._writing)


@contextmanager
def stop_asked_by_signal() -> Iterator[StopAsked]:
    """Give what SIGINT, SIGTERM and SIGHUP set, until the block ends. Main thread only.

    A second signal ends this process at once, and the kernel then ends what it started.
    """
    asked = StopAsked()

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        for number in _NUMBERS:
            signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in _NUMBERS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        asked.close()
