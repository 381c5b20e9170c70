"""The programs the stack is made of: what they are called, how old they may be, where they come from."""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from demo.stack import releases

_VERSION: Final = re.compile(r"(?:version |\(PostgreSQL\) )(\d+)(?:\.(\d+))?(?:\.(\d+))?")


class Found(NamedTuple):
    """A program on this machine: its version and its executables by our names for them."""

    version: str
    executables: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Program:
    """What is looked for. `executables` maps our name to the names it may have; the first is asked its version.

    `inside` is where the executables lie in an unpacked folder, as a glob pattern; `packages` are Debian's, the
    preferred one first; `built_in` is a folder the packaged program insists on.
    """

    title: str
    name: str
    minimum: tuple[int, ...]
    executables: Mapping[str, tuple[str, ...]]
    packages: tuple[str, ...]
    release: releases.Release | None = None
    inside: str = "."
    built_in: Path | None = None

    @property
    def oldest(self) -> str:
        """Return the oldest version that will do, as people write it."""
        return ".".join(str(part) for part in self.minimum)

    def dotted(self, version: tuple[int, ...]) -> str:
        """Return a version of this program as people write it: PostgreSQL's has two numbers, the others' three."""
        return ".".join(str(part) for part in version[: 2 if self is POSTGRESQL else 3])

    def executables_in(self, folder: Path) -> Mapping[str, Path] | None:
        """Return all executables if all of them lie in `folder` itself, under any of their names."""
        found = {}
        for ours, names in self.executables.items():
            path = next((folder / name for name in names if os.access(folder / name, os.X_OK)), None)
            if path is None:
                return None
            found[ours] = path
        return found


PROMETHEUS: Final = Program(
    title="Prometheus",
    name="prometheus",
    minimum=(2, 42),
    executables={"prometheus": ("prometheus",), "promtool": ("promtool",)},
    # Newer suites have promtool as a package of its own.
    packages=("prometheus", "promtool"),
    release=releases.PROMETHEUS,
)
ALERTMANAGER: Final = Program(
    title="Alertmanager",
    name="alertmanager",
    minimum=(0, 25),
    executables={"alertmanager": ("alertmanager", "prometheus-alertmanager"), "amtool": ("amtool",)},
    packages=("prometheus-alertmanager",),
    release=releases.ALERTMANAGER,
    built_in=Path("/usr/share/prometheus/alertmanager"),
)
POSTGRESQL: Final = Program(
    title="PostgreSQL",
    name="postgresql",
    minimum=(13,),
    executables={"postgres": ("postgres",), "initdb": ("initdb",)},
    packages=tuple(f"postgresql-{major}" for major in range(19, 12, -1)),
    inside="usr/lib/postgresql/*/bin",
)
STRACE: Final = Program(
    title="strace",
    name="strace",
    # The first to let a system call fail that concerns a named file.
    minimum=(4, 16),
    executables={"strace": ("strace",)},
    packages=("strace",),
    inside="usr/bin",
)


def parse_version(told: str) -> tuple[int, int, int] | None:
    """Return the version in what a program answers to `--version`, or None."""
    found = _VERSION.search(told)
    if found is None:
        return None
    major, minor, patch = (int(part or 0) for part in found.groups())
    return major, minor, patch


def version_of(executable: Path) -> tuple[int, int, int] | None:
    """Return the version a program says it has, or None if it does not run or does not say."""
    environment = {**os.environ, **library_environment(executable.parent)}
    try:
        done = subprocess.run(
            [executable, "--version"], env=environment, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(done.stdout + done.stderr) if done.returncode == 0 else None


def library_environment(folder: Path) -> dict[str, str]:
    """Return the environment that executables in `folder` need to find libraries unpacked with them.

    Empty unless the folder is `usr/bin` or `usr/lib/postgresql/<major>/bin` of packages that were unpacked here.
    """
    if folder.match("usr/lib/postgresql/*/bin"):
        top = folder.parents[4]
    elif folder.match("usr/bin"):
        top = folder.parents[1]
    else:
        return {}
    libraries = sorted(str(path) for pattern in ("usr/lib", "lib") for path in top.glob(f"{pattern}/*-linux-gnu*"))
    return {} if top == Path(top.anchor) else {"LD_LIBRARY_PATH": os.pathsep.join(libraries)}
