"""The checkout's `.venv`, made from a lock file and left alone while the stamp in it holds.

Standard library only: it runs before anything is installed.
"""

import argparse
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from demo.stack import debian

_STAMP: Final = "wedsync-installed.json"
_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)
_LOG_TAIL: Final = 25


class EnvironmentFailed(Exception):
    """The virtual environment could not be made; the message says why, with the end of the log."""


def pins(lock: str) -> dict[str, str]:
    """Return package name to version as a lock file pins them."""
    return dict(_PINNED.findall(lock))


def satisfied(lock: str, others: Iterable[str]) -> list[str]:
    """Return the checksums of all locks that hold once `lock` is installed: its own, and those of its subsets."""
    held = pins(lock).items()
    return sorted({checksum(text) for text in (lock, *others) if pins(text).items() <= held})


def checksum(lock: str) -> str:
    """Return what the stamp calls a lock by: the sha256 of its text."""
    return hashlib.sha256(lock.encode()).hexdigest()


class VirtualEnvironment:
    """The `.venv` of the checkout at `root`; its log and lock lie in `var`."""

    def __init__(self, root: Path) -> None:
        self._folder = root / ".venv"
        self._python = self._folder / "bin" / "python"
        self._stamp = self._folder / _STAMP
        self._var = root / "var"
        self._log = self._var / "environment.log"

    def holds(self, lock: str) -> bool:
        """Return whether the lock is installed already, for the Python this environment still points to."""
        try:
            stamp = json.loads(self._stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        interpreter = self._python.resolve()
        # The system may have replaced its Python by a newer one, which does not see what was installed.
        return interpreter.exists() and stamp["python"] == str(interpreter) and checksum(lock) in stamp["locks"]

    def bring_up_to(self, lock: Path, *, afresh_without_ensurepip: bool = False) -> None:
        """Make the environment if it is missing or does not run, and install the lock. Raises EnvironmentFailed."""
        self._var.mkdir(exist_ok=True)
        with (self._var / "environment.lock").open("w") as alone:
            # Two commands started at once must not install into one environment.
            fcntl.flock(alone, fcntl.LOCK_EX)
            text = lock.read_text(encoding="utf-8")
            if self.holds(text) and not afresh_without_ensurepip:
                return
            if afresh_without_ensurepip or not self._has_pip():
                self._make(ensurepip=not afresh_without_ensurepip and importlib.util.find_spec("ensurepip") is not None)
            self._install(lock, text)

    def _has_pip(self) -> bool:
        if not os.access(self._python, os.X_OK) or self._was_made_for_another_python():
            return False
        return (
            subprocess.run([self._python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
        )

    def _was_made_for_another_python(self) -> bool:
        try:
            stamp = json.loads(self._stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return bool(stamp["python"] != str(self._python.resolve()))

    def _make(self, *, ensurepip: bool) -> None:
        print(f"Making the virtual environment in {self._folder}", flush=True)
        make: list[str | Path] = [sys.executable, "-m", "venv", "--clear", self._folder]
        if ensurepip and self._run(make) == 0:
            return
        if self._run([*make, "--without-pip"]) != 0:
            raise EnvironmentFailed(self._told("This Python makes no virtual environment"))
        self._install_pip()

    def _install_pip(self) -> None:
        """Give the environment pip from Debian's package of its wheel: a bare Debian has no ensurepip."""
        print("Fetching pip from the system's package archive: this Python comes without it", flush=True)
        archives = debian.own_suites(debian.machine_archives(), debian.operating_system())
        with tempfile.TemporaryDirectory(prefix="pip-", dir=self._var) as folder:
            apt = debian.PrivateApt(Path(folder) / "apt", archives)
            package = Path(folder) / "package"
            try:
                apt.update()
                apt.unpack(["python3-pip-whl"], package)
            except debian.PackagesUnavailable as error:
                raise EnvironmentFailed(
                    f"This Python has no ensurepip, and pip could not be fetched: {error} "
                    "Install the venv module of this Python (Debian, Ubuntu: package python3-venv)."
                ) from error
            wheel = next((package / "usr/share/python-wheels").glob("pip-*.whl"))
            # A wheel is a zip file, and pip can run from within it.
            if self._run([self._python, wheel / "pip", "install", "--quiet", "--no-index", "--no-deps", wheel]) != 0:
                raise EnvironmentFailed(self._told(f"pip could not be installed from {wheel.name}"))

    def _install(self, lock: Path, text: str) -> None:
        print(f"Installing {len(pins(text))} packages from {lock.name}", flush=True)
        others = [other.read_text(encoding="utf-8") for other in sorted(lock.parent.glob("requirements*.lock"))]
        self._stamp.unlink(missing_ok=True)
        pip: list[str | Path] = [self._python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        if self._run([*pip, "--quiet", "--require-hashes", "--requirement", lock]) != 0:
            raise EnvironmentFailed(self._told(f"pip could not install {lock.name}"))
        stamp = {"python": str(self._python.resolve()), "locks": satisfied(text, others)}
        unfinished = self._stamp.with_suffix(".partial")
        unfinished.write_text(json.dumps(stamp), encoding="utf-8")
        unfinished.replace(self._stamp)

    def _run(self, argv: Sequence[str | Path]) -> int:
        """Run a stage, its words in the log, a dot on the screen for every second; return its exit code."""
        with self._log.open("wb") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            seconds = 0
            while True:
                try:
                    code = process.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    seconds += 1
                    print(".", end="", flush=True)
                else:
                    if seconds:
                        print(f" {seconds} s", flush=True)
                    return code

    def _told(self, what: str) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n  | ".join([f"{what}. The end of {self._log}:", *lines[-_LOG_TAIL:]])


def main(arguments: Sequence[str]) -> int:
    """Bring `.venv` up to the lock; return 1 with a sentence if that cannot be done."""
    parser = argparse.ArgumentParser(
        prog="python3 -m demo.stack.environment", description="Make .venv from a lock file."
    )
    parser.add_argument("--lock", type=Path, required=True, help="requirements with a checksum for every package")
    parser.add_argument("--root", type=Path, default=Path(), help="where .venv shall lie (default: here)")
    parser.add_argument("--without-ensurepip", action="store_true", help="make it afresh as on a bare Debian")
    options = parser.parse_args(arguments)
    environment = VirtualEnvironment(options.root.resolve())
    try:
        if options.without_ensurepip or not environment.holds(options.lock.read_text(encoding="utf-8")):
            environment.bring_up_to(options.lock.resolve(), afresh_without_ensurepip=options.without_ensurepip)
    except EnvironmentFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0
