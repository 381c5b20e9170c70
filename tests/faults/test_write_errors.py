"""The n-th write to the disk fails, for every n on one alert's way. Never 2xx without a commit, nothing is corrupt."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import pytest
import requests

from demo.stack import programs
from demo.stack.processes import Process
from tests.faults.figures import Figures
from tests.faults.process import FIRST, FaultyReceiver, quiet_policy
from tests.faults.provider import InsistentSender, Provider
from tests.programs import obtain
from tests.receiver import TOKENS, alert, webhook
from tests.waiting import wait_until
from wedsync_core.clock import SystemClock

pytestmark = [pytest.mark.real, pytest.mark.faults]

CLOCK = SystemClock()
CALLS = "pwrite64,fdatasync,fsync"
WRITES_OF_ONE_ALERT = 60
"""More than one alert causes, from the webhook to the page marked as sent."""


@pytest.fixture
def strace() -> Path:
    return obtain(programs.STRACE).executables["strace"]


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_the_nth_write_fails(
    error: str, strace: Path, tmp_path: Path, provider: Provider, runs: int, figures: Figures
) -> None:
    file = tmp_path / "incidents.sqlite"
    receiver = FaultyReceiver(tmp_path, f"sqlite:///{file}", provider.url, change=quiet_policy, armable=False)
    receiver.start()
    tried = 0
    for n in range(1, WRITES_OF_ONE_ALERT + 1, max(1, 15 // runs)):
        tried += 1
        title = f"{error} at {n}-"
        with failing_writes(receiver, strace, f"error={error}:when={n}"):
            InsistentSender(receiver.url).alerts(
                alert(title, starts_at=CLOCK.now(), summary=title, severity="critical", service=title)
            )
            threading.Event().wait(1)
        wait_until(lambda: FIRST in provider.people_told(title), 60)  # noqa: B023 -- asked now
    receiver.kill()
    with sqlite3.connect(file) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    figures.add(f"write error {error}", "sqlite", tried)


def test_a_disk_that_takes_nothing_is_never_answered_2xx(strace: Path, tmp_path: Path, provider: Provider) -> None:
    file = tmp_path / "incidents.sqlite"
    receiver = FaultyReceiver(tmp_path, f"sqlite:///{file}", provider.url, change=quiet_policy, armable=False)
    receiver.start()
    told = alert("DiskFull", starts_at=CLOCK.now(), summary="disk full-", severity="critical")
    with failing_writes(receiver, strace, "error=ENOSPC"):
        headers = {"Authorization": f"Bearer {TOKENS['alertmanager']}"}
        for _ in range(5):
            answer = requests.post(
                f"{receiver.url}/api/monitoring/alertmanager", json=webhook(told), headers=headers, timeout=10
            )
            assert answer.status_code == 503, answer.text
    InsistentSender(receiver.url).alerts(told)
    wait_until(lambda: FIRST in provider.people_told("disk full-"), 60)
    receiver.kill()


def failing_writes(receiver: FaultyReceiver, strace: Path, how: str) -> Process:
    """Return what makes writes to the database's files fail as long as it runs; ``how`` is strace's: which, by what."""
    file = receiver.database_url.removeprefix("sqlite:///")
    status = Path(f"/proc/{receiver.worker}/status")
    log = Path(file).with_name("strace.log")
    argv: list[str | Path] = [strace, "-f", "-q", "-o", log, "-e", f"trace={CALLS}"]
    argv += ["-P", file, "-P", f"{file}-wal", "-e", f"inject={CALLS}:{how}", "-p", str(receiver.worker)]
    return Process(
        name="strace",
        argv=argv,
        env={**os.environ, **programs.library_environment(strace.parent)},
        ready=lambda: "TracerPid:\t0" not in status.read_text(encoding="utf-8"),
        log_path=log.with_suffix(".out"),
    )
