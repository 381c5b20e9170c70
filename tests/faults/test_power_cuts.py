"""The power fails: what the disk had is all there is. Nothing that was answered 2xx is lost. Needs root, for mount.

A file system on a loop file; while the receiver writes, its image is copied unsynced: what the kernel still held back
is not in the copy, as it would not be on the disk. The copy is mounted (its journal is replayed) and served from.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.faults.figures import Figures
from tests.faults.process import FaultyReceiver, quiet_policy
from tests.faults.provider import Call, Provider
from tests.receiver import TOKENS, alert, webhook
from tests.waiting import wait_until
from wedsync_core.clock import SystemClock

pytestmark = [pytest.mark.real, pytest.mark.faults]

CLOCK = SystemClock()
IMAGE_BYTES = 96 << 20
WRITES_FOR = 1.5
"""Seconds between the first alert and the cut."""
SENDERS = 8


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    run("mount", "-o", "loop,data=ordered,commit=300", image, folder)
    try:
        yield folder
    finally:
        wait_until(lambda: subprocess.run(["umount", folder], check=False, capture_output=True).returncode == 0, 10)


def can_mount(folder: Path) -> str | None:
    """Return why no file system can be mounted here; None when it can."""
    if os.geteuid() != 0:
        return "only root may mount a file system"
    if not all(shutil.which(program) for program in ("mount", "umount", "mkfs.ext4")):
        return "mkfs.ext4 or mount is missing"
    probe = folder / "probe.img"
    probe.write_bytes(b"")
    os.truncate(probe, 8 << 20)
    try:
        run("mkfs.ext4", "-q", probe)
        with mounted(probe, folder / "probe"):
            return None
    except subprocess.CalledProcessError as error:
        return f"no file system can be mounted here: {error.stderr.decode()[:200]}"
    finally:
        probe.unlink()


class Stream:
    """Eight senders that post one alert after another, and remember which were accepted before the power failed."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._stopping = threading.Event()
        self._accepted: list[str] = []

    def send(self, sender: int) -> None:
        headers = {"Authorization": f"Bearer {TOKENS['alertmanager']}"}
        with requests.Session() as session:
            number = 0
            while not self._stopping.is_set():
                number += 1
                title = f"{self._name}-{sender}-{number}-"
                body = webhook(alert(title, starts_at=CLOCK.now(), summary=title, severity="critical", service=title))
                try:
                    answer = session.post(
                        f"{self._url}/api/monitoring/alertmanager", json=body, headers=headers, timeout=5
                    )
                except requests.RequestException:
                    return
                if answer.ok:
                    self._accepted.append(title)

    def accepted(self) -> list[str]:
        """What was answered 2xx up to now."""
        return list(self._accepted)

    def stop(self) -> None:
        self._stopping.set()


def test_what_was_answered_2xx_survives_the_power(
    tmp_path: Path, provider: Provider, runs: int, figures: Figures
) -> None:
    reason = can_mount(tmp_path)
    if reason:
        pytest.skip(reason)
    accepted = cut = 0
    for number in range(runs):
        provider.forget()
        before = cut_once(tmp_path / str(number), provider, f"cut{number}")
        accepted += len(before)
        cut += 1
        shutil.rmtree(tmp_path / str(number))
    figures.add("power cut", "sqlite", cut, accepted=accepted)
    assert accepted > 0


def cut_once(folder: Path, provider: Provider, name: str) -> list[str]:
    """Cut the power while alerts come in; fails unless all that were accepted are paged afterwards."""
    folder.mkdir()
    image, copy = folder / "disk.img", folder / "copy.img"
    image.write_bytes(b"")
    os.truncate(image, IMAGE_BYTES)
    run("mkfs.ext4", "-q", image)
    # The provider is not there until the lights are on again: every page is still to be sent.
    provider.answer = lambda _call: 503
    with mounted(image, folder / "disk") as disk:
        url = f"sqlite:///{disk / 'incidents.sqlite'}"
        receiver = FaultyReceiver(folder / "before", url, provider.url, change=quiet_policy, armable=False)
        receiver.start()
        stream = Stream(receiver.url, name)
        with ThreadPoolExecutor(SENDERS) as senders:
            for sender in range(SENDERS):
                senders.submit(stream.send, sender)
            threading.Event().wait(WRITES_FOR)
            receiver.pause()
            accepted = stream.accepted()
            stream.stop()
            # Unsynced: what the kernel keeps back for the file system is not in the file.
            shutil.copyfile(image, copy)
            receiver.kill()
    provider.answer = lambda _call: 200
    provider.forget()
    with mounted(copy, folder / "after-the-cut") as disk:
        with sqlite3.connect(disk / "incidents.sqlite") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        url = f"sqlite:///{disk / 'incidents.sqlite'}"
        after = FaultyReceiver(folder / "after", url, provider.url, change=quiet_policy, armable=False)
        try:
            after.start()
            # By name: an alert that was kept and not yet answered is told too, and must not stand for another.
            provider.wait_for(lambda calls: not untold(accepted, calls), 120)
        finally:
            after.kill()
    lost = untold(accepted, provider.calls)
    assert not lost, f"{len(lost)} of {len(accepted)} accepted alerts were lost: {lost[:10]}"
    return accepted


def untold(accepted: list[str], calls: list[Call]) -> list[str]:
    """Return the alerts that nobody was told of by name."""
    heard = " ".join({call.subject for call in calls})
    return [title for title in accepted if title not in heard]
