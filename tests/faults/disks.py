"""Disks that can lose their power or fail: file systems on loop files, and what the receiver keeps on them."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from demo.stack.loopback import free_port
from demo.stack.postgres import PostgresCluster
from tests.waiting import wait_until


def _run(*command: str | Path) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def make_disk(image: Path, size: int) -> None:
    """Write an empty file system of so many bytes into a file."""
    image.write_bytes(b"")
    os.truncate(image, size)
    _run("mkfs.ext4", "-q", image)


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """Mount a file system from its file. What is written stays in memory unless it is synced."""
    folder.mkdir(exist_ok=True)
    _run("mount", "-o", "loop,data=ordered,commit=300,errors=remount-ro", image, folder)
    try:
        yield folder
    finally:
        wait_until(lambda: subprocess.run(["umount", folder], check=False, capture_output=True).returncode == 0, 10)


def can_mount(folder: Path) -> str | None:
    """Return why no file system can be mounted here; None when it can."""
    if os.geteuid() != 0:
        return "only root may mount a file system"
    if not all(shutil.which(program) for program in ("mount", "umount", "mkfs.ext4", "e2fsck", "findmnt")):
        return "mkfs.ext4, e2fsck or mount is missing"
    probe = folder / "probe.img"
    try:
        make_disk(probe, 8 << 20)
        with mounted(probe, folder / "probe"):
            return None
    except subprocess.CalledProcessError as error:
        return f"no file system can be mounted here: {error.stderr[:200]}"
    finally:
        probe.unlink()


def no_trigger() -> str | None:
    """Return why no error of a mounted file system can be played here; None when it can."""
    return None if Path("/sys/fs/ext4").is_dir() else "this kernel shows no ext4"


def fail(disk: Path) -> None:
    """Have the kernel find an error in a mounted file system: it becomes read-only, open files included."""
    device = Path(_run("findmnt", "--noheadings", "--output", "SOURCE", disk).strip()).name
    Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("the tests say so", encoding="ascii")


class Storage(Protocol):
    """What incidents are kept in, on a disk."""

    @property
    def name(self) -> str:
        """Return ``sqlite`` or ``postgresql``."""

    @property
    def image_bytes(self) -> int:
        """Return how large its disk is."""

    def begun(self, disk: Path) -> AbstractContextManager[str]:
        """Make it on an empty disk; gives its URL. It dies at the end of the block, unasked."""

    def found(self, disk: Path) -> AbstractContextManager[str]:
        """Take up what a disk has after a cut; gives its URL. Fails when it is corrupt."""


class _Sqlite:
    name = "sqlite"
    image_bytes = 96 << 20

    @contextmanager
    def begun(self, disk: Path) -> Iterator[str]:
        yield f"sqlite:///{disk / 'incidents.sqlite'}"

    @contextmanager
    def found(self, disk: Path) -> Iterator[str]:
        file = disk / "incidents.sqlite"
        with sqlite3.connect(file) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        yield f"sqlite:///{file}"


SQLITE = _Sqlite()


class Postgresql:
    """A server of its own, all of its files on the disk, its write-ahead log too."""

    name = "postgresql"
    image_bytes = 320 << 20

    def __init__(self, programs: Path) -> None:
        self._programs = programs

    def _cluster(self, disk: Path) -> PostgresCluster:
        folder = disk / "postgresql"
        folder.mkdir(exist_ok=True)
        return PostgresCluster(self._programs, free_port(), disk.with_suffix(".log"), folder=folder)

    @contextmanager
    def begun(self, disk: Path) -> Iterator[str]:
        cluster = self._cluster(disk)
        cluster.initialise()
        # The server was there long before: only what the receiver does is at risk.
        os.sync()
        with _until_killed(cluster) as url:
            yield url

    @contextmanager
    def found(self, disk: Path) -> Iterator[str]:
        cluster = self._cluster(disk)
        # As an administrator does after a crash: the process of that number is somebody else by now, or nobody.
        (disk / "postgresql" / "data" / "postmaster.pid").unlink(missing_ok=True)
        with _until_killed(cluster) as url:
            yield url


@contextmanager
def _until_killed(cluster: PostgresCluster) -> Iterator[str]:
    try:
        cluster.process.start()
        yield cluster.url()
    finally:
        kill_whole(cluster)


def kill_whole(cluster: PostgresCluster) -> None:
    """SIGKILL for the server and each of its processes, which have groups of their own."""
    if cluster.process.running:
        server = cluster.process.pid
        children = Path(f"/proc/{server}/task/{server}/children").read_text(encoding="ascii").split()
        os.kill(server, signal.SIGKILL)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
    cluster.process.kill()
