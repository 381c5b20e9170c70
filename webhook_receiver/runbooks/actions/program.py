"""One program of ``wedsync.yml``: an argument vector, a clean environment, and an end, with all its children."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from webhook_receiver.runbooks.actions.result import Result, told
from wedsync_core.clock import Clock
from wedsync_core.settings.runbooks import ProgramSettings

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
"""All that a program knows of ours: no token, no database, no proxy."""
_PIECE = 65_536


def run(argv: Sequence[str], program: ProgramSettings, clock: Clock) -> Result:
    """Run it until it ends or its time is up; then nothing of its process group is left."""
    with tempfile.TemporaryDirectory(prefix="wedsync-runbook-") as folder:
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=dict(ENVIRONMENT, HOME=folder),
                cwd=folder,
                close_fds=True,
                start_new_session=True,  # a process group of its own, to end it as a whole
            )
        except (OSError, ValueError) as error:
            return Result("failed", "not_started", type(error).__name__)
        try:
            output, in_time = _listen(process, clock.monotonic() + program.timeout.total_seconds(), program, clock)
        finally:
            _end_group(process)
        status = process.wait()
    facts = {"exit_status": status}
    if not in_time:
        return Result("failed", "timed_out", told(output), facts)
    return Result("done" if status == 0 else "failed", "exited", told(output), facts)


def _listen(process: subprocess.Popen[bytes], until: float, program: ProgramSettings, clock: Clock) -> tuple[str, bool]:
    """Return what it says, cut, and whether it ended in time; what is over the limit is read and dropped."""
    kept = b""
    assert process.stdout is not None  # noqa: S101 -- it was opened as a pipe
    with process.stdout as pipe, selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while (left := until - clock.monotonic()) > 0:
            # A child may keep the pipe open after the program has ended: look at both.
            ready = selector.select(min(left, 0.2))
            if not ready and process.poll() is not None:
                return kept.decode("utf-8", "replace"), True
            piece = os.read(pipe.fileno(), _PIECE) if ready else None
            if piece == b"":
                return kept.decode("utf-8", "replace"), _ended(process, until, clock)
            kept = (kept + (piece or b""))[: program.output]
    return kept.decode("utf-8", "replace"), False


def _ended(process: subprocess.Popen[bytes], until: float, clock: Clock) -> bool:
    try:
        process.wait(max(until - clock.monotonic(), 0.0))
    except subprocess.TimeoutExpired:
        return False
    return True


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of it, children that outlived it too."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
