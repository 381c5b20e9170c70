"""The n-th write to the disk fails, for every n on one alert's way. Never 2xx without a commit, nothing is corrupt."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
import requests

from tests.faults.figures import Figures
from tests.faults.process import FIRST, FaultyReceiver, quiet_policy
from tests.faults.provider import InsistentSender, Provider
from tests.receiver import TOKENS, alert, webhook
from tests.waiting import wait_until
from wedsync_core.clock import SystemClock

pytestmark = [pytest.mark.real, pytest.mark.faults]

CLOCK = SystemClock()
CALLS = "pwrite64,fdatasync,fsync"
WRITES_OF_ONE_ALERT = 60
"""More than one alert causes, from the webhook to the page marked as sent."""


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_the_nth_write_fails(error: str, tmp_path: Path, provider: Provider, runs: int, figures: Figures) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is missing")
    file = tmp_path / "incidents.sqlite"
    receiver = FaultyReceiver(tmp_path, f"sqlite:///{file}", provider.url, change=quiet_policy, armable=False)
    receiver.start()
    tried = 0
    for n in range(1, WRITES_OF_ONE_ALERT + 1, max(1, 15 // runs)):
        tried += 1
        title = f"{error} at {n}-"
        fail_nth(receiver, strace, error, n, tmp_path / "strace.log", title)
        wait_until(lambda: FIRST in provider.people_told(title), 60)  # noqa: B023 -- asked now
    receiver.kill()
    with sqlite3.connect(file) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    figures.add(f"write error {error}", "sqlite", tried)


def fail_nth(receiver: FaultyReceiver, strace: str, error: str, n: int, log: Path, title: str) -> None:
    """Have the n-th write of the database's files fail once, from now on; insist until the alert is accepted."""
    from demo.stack.processes import Process

    database = receiver.database_url.removeprefix("sqlite:///")
    tracer = Process(
        name="strace",
        argv=[
            strace,
            "-f",
            "-q",
            "-o",
            log,
            "-e",
            f"trace={CALLS}",
            "-P",
            database,
            "-P",
            f"{database}-wal",
            "-e",
            f"inject={CALLS}:error={error}:when={n}",
            "-p",
            str(receiver.worker),
        ],
        ready=lambda: f"TracerPid:\t{0}" not in Path(f"/proc/{receiver.worker}/status").read_text(encoding="utf-8"),
        log_path=log.with_suffix(".out"),
    )
    tracer.start()
    try:
        InsistentSender(receiver.url).alerts(
            alert(title, starts_at=CLOCK.now(), summary=title, severity="critical", service=title)
        )
        threading.Event().wait(1)
    finally:
        tracer.stop()


def test_a_disk_that_takes_nothing_is_never_answered_2xx(tmp_path: Path, provider: Provider) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is missing")
    from demo.stack.processes import Process

    file = tmp_path / "incidents.sqlite"
    receiver = FaultyReceiver(tmp_path, f"sqlite:///{file}", provider.url, change=quiet_policy, armable=False)
    receiver.start()
    tracer = Process(
        name="strace",
        argv=[
            strace,
            "-f",
            "-q",
            "-o",
            tmp_path / "strace.log",
            "-e",
            f"trace={CALLS}",
            "-P",
            str(file),
            "-P",
            f"{file}-wal",
            "-e",
            f"inject={CALLS}:error=ENOSPC",
            "-p",
            str(receiver.worker),
        ],
        ready=lambda: "TracerPid:\t0" not in Path(f"/proc/{receiver.worker}/status").read_text(encoding="utf-8"),
        log_path=tmp_path / "strace.out",
    )
    told = alert("DiskFull", starts_at=CLOCK.now(), summary="disk full-", severity="critical")
    with tracer:
        headers = {"Authorization": f"Bearer {TOKENS['alertmanager']}"}
        for _ in range(5):
            answer = requests.post(
                f"{receiver.url}/api/monitoring/alertmanager", json=webhook(told), headers=headers, timeout=10
            )
            assert answer.status_code == 503, answer.text
    InsistentSender(receiver.url).alerts(told)
    wait_until(lambda: FIRST in provider.people_told("disk full-"), 60)
    receiver.kill()
