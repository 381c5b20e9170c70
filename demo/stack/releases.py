"""The projects' own release archives, pinned by version and checksum."""

import hashlib
import http.client
import os
import socket
import tarfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CONNECT_SECONDS: Final = 3.0
_STALL_SECONDS: Final = 30.0
_CHUNK: Final = 1 << 20
_ARCHITECTURES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class ReleaseUnavailable(Exception):
    """The archive could not be had. Trying again helps when the message says the site was not reached."""


@dataclass(frozen=True, slots=True)
class Release:
    """One release: `<name>-<version>.linux-<arch>.tar.gz`, with the sha256 its `sha256sums.txt` publishes."""

    name: str
    version: str
    base_url: str
    checksums: Mapping[str, str]

    def top(self, architecture: str) -> str:
        """Return the archive's one top folder, which is also its name without the ending."""
        return f"{self.name}-{self.version}.linux-{architecture}"

    def url(self, architecture: str) -> str:
        """Return where the archive lies."""
        return f"{self.base_url}/v{self.version}/{self.top(architecture)}.tar.gz"


PROMETHEUS: Final = Release(
    name="prometheus",
    version="3.13.2",
    base_url="https://github.com/prometheus/prometheus/releases/download",
    checksums={
        "amd64": "0e8c4d46101bd025ea8265e377d2caabc57f488fc1be1c367f37db69ea41be6f",
        "arm64": "7cecb17a6f41d59814e1a0581a1f81f79051ad5973d1ecf39e23a9f747d6572a",
    },
)
ALERTMANAGER: Final = Release(
    name="alertmanager",
    version="0.33.1",
    base_url="https://github.com/prometheus/alertmanager/releases/download",
    checksums={
        "amd64": "93d802cba6a8d27239d747ce117df7648d326ab67394e32247540b030e9842ba",
        "arm64": "50b32a346c3c29da411643dfa84990440e8fd03800380d7e664f22a863b7a0cf",
    },
)


def architecture() -> str:
    """Return this machine's name in release archives. Raises ReleaseUnavailable where no archive is pinned for it."""
    machine = os.uname()
    found = _ARCHITECTURES.get(machine.machine)
    if machine.sysname != "Linux" or found is None:
        raise ReleaseUnavailable(f"no release archive is pinned for {machine.sysname} {machine.machine}")
    return found


def fetch(release: Release, executables: Sequence[str], into: Path, report: Callable[[str], None]) -> None:
    """Download the archive, check it, and only then unpack the named executables into the existing folder `into`.

    Raises ReleaseUnavailable when the site is not reached or the checksum differs; then `into` is left as it was.
    """
    kind = architecture()
    archive = into / "release.tar.gz.partial"
    try:
        checksum = _download(release.url(kind), archive, report)
        if checksum != release.checksums[kind]:
            raise ReleaseUnavailable(
                f"{release.url(kind)} was refused: its sha256 is {checksum}, not the pinned {release.checksums[kind]}"
            )
        _unpack(archive, release.top(kind), executables, into)
    finally:
        archive.unlink(missing_ok=True)


def _download(url: str, to: Path, report: Callable[[str], None]) -> str:
    digest = hashlib.sha256()
    try:
        _require_reachable(url)
        with urllib.request.urlopen(url, timeout=_STALL_SECONDS) as response, to.open("wb") as file:  # noqa: S310 - pinned address
            total = int(response.headers.get("Content-Length") or 0)
            done, told = 0, 0
            while chunk := response.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
                done += len(chunk)
                quarter = 4 * done // total if total else 0
                if quarter > told:
                    told = quarter
                    report(f"  {done >> 20} of {total >> 20} MiB")
    except (OSError, http.client.HTTPException) as error:
        raise ReleaseUnavailable(f"{url} was not reached: {error}") from error
    return digest.hexdigest()


def _require_reachable(url: str) -> None:
    # One timeout for connecting and reading cannot be both short and kind to a slow line: connect first, and alone.
    address = urllib.parse.urlsplit(url)
    if address.scheme in urllib.request.getproxies() or address.hostname is None:
        return
    port = address.port or (443 if address.scheme == "https" else 80)
    with socket.create_connection((address.hostname, port), timeout=_CONNECT_SECONDS):
        pass


def _unpack(archive: Path, top: str, executables: Sequence[str], into: Path) -> None:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for name in executables:
                # Named files are copied out one by one: no path of the archive's own ever reaches the disk.
                source = tar.extractfile(f"{top}/{name}")
                if source is None:
                    raise ReleaseUnavailable(f"{top}/{name} in the archive is not a file")
                target = into / name
                with target.open("wb") as file:
                    while chunk := source.read(_CHUNK):
                        file.write(chunk)
                target.chmod(0o755)
    except (KeyError, tarfile.TarError) as error:
        raise ReleaseUnavailable(f"the archive {top} is not as expected: {error}") from error
