"""Release archives, from a small server on loopback."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from demo.stack import loopback, releases
from demo.stack.releases import Release, ReleaseUnavailable

PROGRAM = b"#!/bin/sh\necho 'prometheus, version 3.13.2 (branch: HEAD)'\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in the base class
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """The folder a server on loopback serves; its address is in the folder's file `url`."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = type(
        "Handler", (Quiet,), {"__init__": lambda self, *args: Quiet.__init__(self, *args, directory=str(folder))}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    (folder / "url").write_text(f"http://127.0.0.1:{server.server_port}")
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def into(tmp_path: Path) -> Path:
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def publish(site: Path, files: dict[str, bytes], top: str | None = None) -> Release:
    """Put an archive on the site and return its release, rightly pinned."""
    kind = releases.architecture()
    release = Release("prometheus", "3.13.2", (site / "url").read_text(), {})
    archive = site / "v3.13.2" / f"{release.top(kind)}.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{top or release.top(kind)}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return replace(release, checksums={kind: hashlib.sha256(archive.read_bytes()).hexdigest()})


def test_the_named_programs_are_unpacked_and_nothing_else(site: Path, into: Path) -> None:
    release = publish(site, {"prometheus": PROGRAM, "promtool": PROGRAM, "LICENSE": b"...", "../../escaped": b"!"})
    told: list[str] = []
    releases.fetch(release, ("prometheus", "promtool"), into, told.append)
    assert {path.name for path in into.iterdir()} == {"prometheus", "promtool"}
    assert (into / "prometheus").read_bytes() == PROGRAM
    assert (into / "prometheus").stat().st_mode & 0o111
    assert told[-1] == "  0 of 0 MiB"


def test_a_wrong_checksum_is_refused_and_nothing_is_unpacked(site: Path, into: Path) -> None:
    release = publish(site, {"prometheus": PROGRAM, "promtool": PROGRAM})
    pinned = replace(release, checksums={releases.architecture(): "0" * 64})
    with pytest.raises(ReleaseUnavailable, match=r"was refused: its sha256 is [0-9a-f]{64}, not the pinned 0{64}"):
        releases.fetch(pinned, ("prometheus", "promtool"), into, print)
    assert list(into.iterdir()) == []


def test_an_archive_without_the_program_is_refused(site: Path, into: Path) -> None:
    release = publish(site, {"prometheus": PROGRAM})
    with pytest.raises(ReleaseUnavailable, match=r"not as expected.*promtool"):
        releases.fetch(release, ("prometheus", "promtool"), into, print)


def test_what_is_no_archive_is_refused_even_when_its_checksum_is_right(site: Path, into: Path) -> None:
    release = publish(site, {})
    kind = releases.architecture()
    (site / "v3.13.2" / f"{release.top(kind)}.tar.gz").write_bytes(b"<html>please log in</html>")
    checksum = hashlib.sha256(b"<html>please log in</html>").hexdigest()
    with pytest.raises(ReleaseUnavailable, match="not as expected"):
        releases.fetch(replace(release, checksums={kind: checksum}), ("prometheus",), into, print)
    assert list(into.iterdir()) == []


def test_a_missing_release_is_told_with_its_address(site: Path, into: Path) -> None:
    release = Release("prometheus", "9.9.9", (site / "url").read_text(), {releases.architecture(): "0" * 64})
    with pytest.raises(ReleaseUnavailable, match=r"/v9\.9\.9/prometheus-9\.9\.9.* was not reached: HTTP Error 404"):
        releases.fetch(release, ("prometheus",), into, print)


def test_a_site_out_of_reach_is_told_at_once(into: Path) -> None:
    nobody_listens = f"http://127.0.0.1:{loopback.free_port()}"
    release = Release("prometheus", "3.13.2", nobody_listens, {releases.architecture(): "0" * 64})
    with pytest.raises(ReleaseUnavailable, match="was not reached"):
        releases.fetch(release, ("prometheus",), into, print)
    assert list(into.iterdir()) == []


@pytest.mark.parametrize("release", [releases.PROMETHEUS, releases.ALERTMANAGER], ids=lambda release: str(release.name))
def test_the_pins_are_whole(release: Release) -> None:
    assert set(release.checksums) == {"amd64", "arm64"}
    for kind, checksum in release.checksums.items():
        assert len(bytes.fromhex(checksum)) == 32
        assert release.url(kind).startswith("https://")
    assert len(set(release.checksums.values())) == 2
