"""The disk: the power fails, or the kernel gives up writing to it. Nothing answered 2xx is lost. Needs root, for mount.

A file system on a loop file; while the receiver writes, its image is copied unsynced: what the kernel still held back
is not in the copy, as it would not be on the disk. The copy is mounted (its journal is replayed) and served from.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.disks import SQLITE, Postgresql, Storage, can_mount, fail, make_disk, mounted, no_trigger
from tests.faults.figures import Figures
from tests.faults.process import FIRST, FaultyReceiver, quiet_policy
from tests.faults.provider import Call, InsistentSender, Provider
from tests.receiver import TOKENS, alert, webhook
from tests.waiting import wait_until
from wedsync_core.clock import SystemClock

pytestmark = [pytest.mark.real, pytest.mark.faults]

CLOCK = SystemClock()
WRITES_FOR = 1.5
"""Seconds between the first alert and the cut."""
SENDERS = 8
PAGED_WITHIN = 240.0


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


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest) -> Storage:
    """What the receiver keeps its incidents in; PostgreSQL's whole server lies on the disk."""
    if request.param == "sqlite":
        return SQLITE
    return Postgresql(request.getfixturevalue("postgres_programs"))


def test_what_was_answered_2xx_survives_the_power(
    storage: Storage, tmp_path: Path, provider: Provider, runs: int, figures: Figures
) -> None:
    reason = can_mount(tmp_path)
    if reason:
        pytest.skip(reason)
    accepted = cut = 0
    # Open to others on the way to it: PostgreSQL's server does not run as root.
    with tempfile.TemporaryDirectory(prefix="wedsync-disk-") as name:
        Path(name).chmod(0o755)
        for number in range(runs):
            provider.forget()
            folder = Path(name) / str(number)
            before = cut_once(folder, provider, f"cut{number}", storage)
            accepted += len(before)
            cut += 1
            shutil.rmtree(folder)
    figures.add("power cut", storage.name, cut, accepted=accepted)
    assert accepted > 0


def test_a_disk_that_becomes_read_only_under_the_receiver(
    tmp_path: Path, provider: Provider, runs: int, figures: Figures
) -> None:
    """What Linux does with a disk that fails: not a byte more is written. It is repaired, and all goes on."""
    reason = can_mount(tmp_path) or no_trigger()
    if reason:
        pytest.skip(reason)
    image, accepted = tmp_path / "disk.img", list[str]()
    make_disk(image, SQLITE.image_bytes)
    tries = min(runs, 10)
    for number in range(tries):
        before, meanwhile = f"before {number}-", f"meanwhile {number}-"
        with mounted(image, tmp_path / "disk") as disk, receiving(tmp_path, disk, provider) as receiver:
            InsistentSender(receiver.url).alerts(critical(before))
            accepted.append(before)
            fail(disk)
            for _ in range(3):
                assert post_once(receiver, critical(meanwhile)) == 503
            wait_until(lambda: mentioned(provider, meanwhile, "LAST RESORT"), 60)  # noqa: B023 -- asked now
        subprocess.run(["e2fsck", "-fy", image], check=False, capture_output=True)
        with mounted(image, tmp_path / "disk") as disk, receiving(tmp_path, disk, provider) as receiver:
            InsistentSender(receiver.url).alerts(critical(meanwhile))
            accepted.append(meanwhile)
            wait_until(lambda: all(FIRST in provider.people_told(title) for title in accepted), 60)
            wait_until(lambda: receiver.metric("wedsync_outbox_depth") == 0, 60)
        with mounted(image, tmp_path / "disk") as disk, SQLITE.found(disk):
            pass
    repeats = sum(provider.repeats("-").values())
    figures.add("a disk that becomes read-only", "sqlite", tries, repeats=repeats)
    assert repeats <= tries


@contextmanager
def receiving(folder: Path, disk: Path, provider: Provider) -> Iterator[FaultyReceiver]:
    url = f"sqlite:///{disk / 'incidents.sqlite'}"
    receiver = FaultyReceiver(folder / "receiver", url, provider.url, change=quiet_policy, armable=False)
    try:
        receiver.start()
        yield receiver
    finally:
        receiver.kill()


def critical(title: str) -> dict[str, Any]:
    return alert(title, starts_at=CLOCK.now(), summary=title, severity="critical", service=title)


def post_once(receiver: FaultyReceiver, told: dict[str, Any]) -> int:
    headers = {"Authorization": f"Bearer {TOKENS['alertmanager']}"}
    url = f"{receiver.url}/api/monitoring/alertmanager"
    return requests.post(url, json=webhook(told), headers=headers, timeout=10).status_code


def mentioned(provider: Provider, *words: str) -> bool:
    return any(all(word in json.dumps(call.content) for word in words) for call in provider.calls)


def unheard(accepted: list[str], calls: list[Call]) -> list[str]:
    heard = " ".join({call.subject for call in calls})
    return [title for title in accepted if title not in heard]


def cut_once(folder: Path, provider: Provider, name: str, storage: Storage) -> list[str]:
    """Cut the power while alerts come in; fails unless all that were accepted are paged afterwards."""
    folder.mkdir()
    image, copy = folder / "disk.img", folder / "copy.img"
    make_disk(image, storage.image_bytes)
    # The provider is not there until the lights are on again: every page is still to be sent.
    provider.answer = lambda _call: 503
    with mounted(image, folder / "disk") as disk, storage.begun(disk) as url:
        receiver = FaultyReceiver(folder / "before", url, provider.url, change=quiet_policy, armable=False)
        try:
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
        finally:
            receiver.kill()
    provider.answer = lambda _call: 200
    provider.forget()
    with mounted(copy, folder / "after-the-cut") as disk, storage.found(disk) as url:
        after = FaultyReceiver(folder / "after", url, provider.url, change=quiet_policy, armable=False)
        try:
            after.start()
            # More may have been kept than was answered: it is each of these that is waited for.
            provider.wait_for(lambda calls: not unheard(accepted, calls), PAGED_WITHIN)
        finally:
            after.kill()
    lost = unheard(accepted, provider.calls)
    assert not lost, f"{len(lost)} of {len(accepted)} accepted alerts were lost: {lost[:10]}"
    return accepted
