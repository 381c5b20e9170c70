"""A small supervisor: start a program, wait until it is ready, stop it with all it started, leave nothing behind."""

import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from wedsync_core.clock import Clock, SystemClock

_LAUNCHER: Final = Path(__file__).with_name("launch.py")
_POLL_SECONDS: Final = 0.02
_TAIL_LINES: Final = 20
_TAIL_BYTES: Final = 16_384
_LARGEST_LOG: Final = 4 << 20


class ProcessFailed(Exception):
    """A program ended, or was not ready in time; the message carries the end of its log.

    Trying again helps only after the cause in that log is gone.
    """


class Interrupted(Exception):
    """Starting was given up because a stop was asked for."""


class Stopping(Protocol):
    """Whether a stop was asked for: a `threading.Event`, or `signals.StopAsked`."""

    def wait(self, timeout: float, /) -> bool:
        """Wait at most so many seconds; return True as soon as a stop was asked for."""


class Account(NamedTuple):
    """The user a program runs as, by number."""

    uid: int
    gid: int


@dataclass(kw_only=True)
class Process:
    """One program under supervision, in a process group of its own.

    `argv[0]` is a path. `env` is the whole environment, or None for this process's own. `ready` answers at once or
    within a second and never raises. The log file is continued, not overwritten. On Linux the program gets
    `orphan_signal` when this process dies, however that happens.
    """

    name: str
    argv: Sequence[str | Path]
    ready: Callable[[], bool]
    log_path: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    account: Account | None = None
    start_seconds: float = 30.0
    stop_seconds: float = 10.0
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    clock: Clock = field(default_factory=SystemClock)
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _log_start: int = field(default=0, init=False, repr=False)

    @property
    def pid(self) -> int:
        """Return the process id. Raises ProcessFailed if it was not started."""
        if self._child is None:
            raise ProcessFailed(f"{self.name} was not started")
        return self._child.pid

    @property
    def running(self) -> bool:
        """Return whether it was started and has not ended."""
        return self._child is not None and _exit_code(self._child.pid) is None

    def start(self, stopping: Stopping | None = None) -> None:
        """Start it and return when it is ready. If that fails it is stopped again.

        Raises ProcessFailed when it ends or its time to start passes, Interrupted when a stop is asked for meanwhile.
        """
        self.spawn()
        try:
            self.wait_until_ready(stopping or threading.Event())
        except BaseException:
            self.stop()
            raise

    def spawn(self) -> None:
        """Start it and return at once."""
        if self._child is not None:
            raise ProcessFailed(f"{self.name} was started already")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists() and self.log_path.stat().st_size > _LARGEST_LOG:
            self.log_path.replace(self.log_path.with_name(self.log_path.name + ".1"))
        self._child = _spawner().submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        account = f"{self.account.uid}:{self.account.gid}" if self.account else "-"
        launch = [sys.executable, "-I", "-S", _LAUNCHER, os.getpid(), int(self.orphan_signal), account]
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            return subprocess.Popen(
                [str(part) for part in (*launch, *self.argv)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd,
                # A terminal's Ctrl-C reaches the supervisor alone, which then stops the others in order.
                process_group=0,
            )

    def wait_until_ready(self, stopping: Stopping) -> None:
        """Return when it is ready. Raises as `start` does, but stops nothing."""
        deadline = self.clock.monotonic() + self.start_seconds
        while not self.ready():
            if not self.running:
                raise ProcessFailed(self.obituary())
            if self.clock.monotonic() >= deadline:
                raise ProcessFailed(f"{self.name} was not ready after {self.start_seconds:g} s. {self._last_lines()}")
            if stopping.wait(_POLL_SECONDS):
                raise Interrupted(f"{self.name} was not waited for")
        if not self.running:
            # Somebody else answered in its place.
            raise ProcessFailed(self.obituary())

    def stop(self) -> bool:
        """Ask it and its group to end, insist after `stop_seconds`, and return whether asking was enough."""
        child = self._child
        if child is None:
            return True
        self._signal_group(self.stop_signal)
        deadline = self.clock.monotonic() + self.stop_seconds
        waiting = threading.Event()
        while self.running and self.clock.monotonic() < deadline:
            waiting.wait(_POLL_SECONDS)
        obeyed = not self.running
        self.kill()
        return obeyed

    def kill(self) -> None:
        """End it and its whole group at once, as a power cut would (SIGKILL)."""
        if self._child is not None:
            # Until it is waited for, its id stays its own and the signal can reach no stranger.
            self._signal_group(signal.SIGKILL)
            self._child.wait()
            self._child = None

    def obituary(self) -> str:
        """Return how it ended, with the end of its log."""
        code = _exit_code(self._child.pid) if self._child else None
        how = "has not ended" if code is None else f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was ended by {signal.Signals(-code).name}"
        return f"{self.name} {how}. {self._last_lines()}"

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def _last_lines(self) -> str:
        with self.log_path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - _TAIL_BYTES))
            lines = log.read().decode("utf-8", errors="replace").splitlines()
        told = "".join(f"\n  | {line}" for line in lines[-_TAIL_LINES:])
        return f"The end of {self.log_path}:{told}" if told else f"It wrote nothing to {self.log_path}."

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Stack:
    """Programs started in order and stopped in reverse."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._processes: list[Process] = []
        self._mourned: set[str] = set()

    def start(self, process: Process, stopping: Stopping | None = None) -> None:
        """Start one more and return when it is ready. Raises as `Process.start` does; the others go on."""
        process.start(stopping)
        self._processes.append(process)

    def watch(self, stopping: Stopping, every: float = 0.5) -> None:
        """Return when a stop is asked for. A program that ends before is reported once, and the others go on."""
        while not stopping.wait(every):
            for process in self._processes:
                if process.name not in self._mourned and not process.running:
                    self._mourned.add(process.name)
                    self._report(process.obituary())

    def stop(self) -> None:
        """Stop all that were started, the last one first."""
        while self._processes:
            process = self._processes.pop()
            if not process.stop():
                self._report(f"{process.name} did not stop in {process.stop_seconds:g} s and was killed.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@functools.cache
def _spawner() -> ThreadPoolExecutor:
    # The kernel sends the orphan's signal when the *thread* that forked ends, not the process: this one thread stays.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def _exit_code(pid: int) -> int | None:
    # The child is left unwaited (WNOWAIT), so that its id cannot pass to a stranger while we may still signal it.
    told = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if told is None:
        return None
    return told.si_status if told.si_code == os.CLD_EXITED else -told.si_status
