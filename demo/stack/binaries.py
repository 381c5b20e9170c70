"""Find Prometheus, Alertmanager, PostgreSQL and strace on this machine, or fetch them beside the project, without root.

    python -m demo.stack.binaries              what there is; fetches nothing
    python -m demo.stack.binaries --for-tests  fetch whatever the tests need

Order: on PATH if recent enough; unpacked here before; the official release archive, checked against a pinned sha256;
Debian's or Ubuntu's packages, whose signatures apt checks. `WEDSYNC_BINARIES_DIR` names another place than
`var/binaries`.
"""

import argparse
import fcntl
import functools
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from demo.stack import debian, releases
from demo.stack.programs import ALERTMANAGER, POSTGRESQL, PROMETHEUS, STRACE, Found, Program, version_of
from demo.stack.relocation import relocate

ROOT: Final = Path(__file__).resolve().parents[2]
ALL: Final = (PROMETHEUS, ALERTMANAGER, POSTGRESQL, STRACE)
# Compilers for queries and languages inside the server: large, loaded on demand, and never asked for here.
_NOT_NEEDED: Final = ("libllvm", "libz3", "libperl", "libclang")


class BinaryMissing(Exception):
    """A program is neither here nor to be had; the message says what to install."""


class Collection:
    """The programs unpacked in one folder, and the other places to look for them."""

    def __init__(
        self,
        folder: Path,
        report: Callable[[str], None],
        search_path: str,
        system_postgresql: Path = Path("/usr/lib/postgresql"),
    ) -> None:
        self._folder = folder
        self._report = report
        self._search_path = search_path
        self._system_postgresql = system_postgresql
        self._apts: dict[tuple[debian.Archive, ...], debian.PrivateApt] = {}

    def find(self, program: Program) -> Found | None:
        """Return the program if this machine has it already. Fetches nothing."""
        folders = [Path(folder) for folder in self._search_path.split(os.pathsep) if folder]
        if program is POSTGRESQL:
            # Debian keeps the server's programs off PATH.
            folders += [folder / "bin" for folder in _newest_first(self._system_postgresql.glob("[0-9]*"))]
        return next(filter(None, (_installed(program, folder) for folder in folders)), None) or self._unpacked(program)

    def obtain(self, program: Program) -> Found:
        """Return the program, fetching it if need be. Raises BinaryMissing."""
        found = self.find(program)
        if found:
            return found
        self._folder.mkdir(parents=True, exist_ok=True)
        with _alone(self._folder / ".lock"):
            return self._unpacked(program) or self._fetch(program)

    def _unpacked(self, program: Program) -> Found | None:
        for folder in _newest_first(self._folder.glob(f"{program.name}-[0-9]*")):
            executables = _find_inside(program, folder)
            if executables:
                return Found(folder.name.rpartition("-")[2], executables)
        return None

    def _fetch(self, program: Program) -> Found:
        for left_over in self._folder.glob(".partial-*"):
            shutil.rmtree(left_over)
        troubles = []
        for way in self._ways(program):
            with tempfile.TemporaryDirectory(prefix=".partial-", dir=self._folder) as partial:
                try:
                    way(program, Path(partial))
                    return self._keep(program, Path(partial))
                except (releases.ReleaseUnavailable, debian.PackagesUnavailable) as error:
                    self._report(f"  not this way: {error}")
                    troubles.append(str(error))
        names = " and ".join(f"`{name}`" for name in program.executables)
        raise BinaryMissing(
            f"{program.title} {program.oldest} or newer is missing. Install it so that {names} are on PATH. "
            f"It could not be fetched: {'; '.join(troubles)}"
        )

    def _ways(self, program: Program) -> Sequence[Callable[[Program, Path], None]]:
        if program.release is None:
            # It comes with libraries, and the newest suite's want that suite's others, down to the C library.
            return (self._fetch_own_packages,)
        return (self._fetch_release, self._fetch_newest_packages, self._fetch_own_packages)

    def _keep(self, program: Program, partial: Path) -> Found:
        executables = _find_inside(program, partial) or {}
        version = version_of(next(iter(executables.values()))) if executables else None
        if version is None or version < program.minimum:
            what = "does not run here" if version is None else f"is only {program.dotted(version)}"
            raise debian.PackagesUnavailable(f"the {program.title} of that archive {what}")
        target = self._folder / f"{program.name}-{program.dotted(version)}"
        shutil.rmtree(target, ignore_errors=True)
        partial.chmod(0o755)
        # A folder of its final name is always whole: it appears in one step.
        partial.rename(target)
        self._report(f"  {program.title} {program.dotted(version)} is in {target}")
        kept = {name: target / path.relative_to(partial) for name, path in executables.items()}
        return Found(program.dotted(version), kept)

    def _fetch_release(self, program: Program, into: Path) -> None:
        if program.release is None:
            raise releases.ReleaseUnavailable(f"{program.title} publishes no archive of programs")
        self._report(f"Fetching {program.title} {program.release.version} from its release site")
        releases.fetch(program.release, tuple(program.executables), into, self._report)

    def _fetch_newest_packages(self, program: Program, into: Path) -> None:
        archive = debian.newest_suite(debian.machine_archives(), debian.operating_system())
        if archive is None:
            raise debian.PackagesUnavailable("this machine's source lists name no archive of Debian")
        self._report(f"Fetching {program.title} from Debian's newest suite")
        self._unpack_packages(program, self._apt(archive), into)

    def _fetch_own_packages(self, program: Program, into: Path) -> None:
        archives = debian.own_suites(debian.machine_archives(), debian.operating_system())
        if not archives:
            raise debian.PackagesUnavailable("this machine's source lists name no Debian or Ubuntu archive")
        self._report(f"Fetching {program.title} from the archive of this machine's own release")
        self._unpack_packages(program, self._apt(*archives), into)

    def _unpack_packages(self, program: Program, apt: debian.PrivateApt, into: Path) -> None:
        available = apt.candidates(*program.packages)
        wanted = [name for name in program.packages if name in available] or list(program.packages[:1])
        if program.inside != ".":
            # It stays as it was packaged, with its libraries.
            needed = apt.needed_for(wanted[0])
            libraries = [name for name in needed if name.startswith("lib") and not name.startswith(_NOT_NEEDED)]
            apt.unpack([wanted[0], *libraries], into)
            return
        package = into / "package"
        apt.unpack(wanted, package)
        for ours, path in (program.executables_in(package / "usr/bin") or {}).items():
            path.rename(into / ours)
        if program.built_in:
            (package / program.built_in.relative_to("/")).rename(into / "share")
            for ours in program.executables:
                relocate(into / ours, program.built_in, into / "share")
        shutil.rmtree(package)

    def _apt(self, *archives: debian.Archive) -> debian.PrivateApt:
        if archives not in self._apts:
            apt = debian.PrivateApt(self._folder / ".apt" / archives[0].suites[0], archives)
            apt.update()
            self._apts[archives] = apt
        return self._apts[archives]


def default_folder(environment: Mapping[str, str]) -> Path:
    """Return where programs are unpacked: `WEDSYNC_BINARIES_DIR`, else `var/binaries` of this checkout."""
    return Path(environment.get("WEDSYNC_BINARIES_DIR") or ROOT / "var" / "binaries").absolute()


@functools.cache
def machine() -> Collection:
    """Return the collection of this checkout and machine, telling its progress on standard error."""
    return Collection(
        default_folder(os.environ),
        report=lambda line: print(line, file=sys.stderr, flush=True),
        search_path=os.environ.get("PATH", ""),
    )


def prometheus() -> Path:
    """Return the Prometheus server's executable, fetching it if need be. Raises BinaryMissing."""
    return machine().obtain(PROMETHEUS).executables["prometheus"]


def promtool() -> Path:
    """Return promtool, of the same build as the server. Raises BinaryMissing."""
    return machine().obtain(PROMETHEUS).executables["promtool"]


def alertmanager() -> Path:
    """Return Alertmanager's executable, fetching it if need be. Raises BinaryMissing."""
    return machine().obtain(ALERTMANAGER).executables["alertmanager"]


def amtool() -> Path:
    """Return amtool, of the same build as Alertmanager. Raises BinaryMissing."""
    return machine().obtain(ALERTMANAGER).executables["amtool"]


def postgres_bin() -> Path:
    """Return the folder of PostgreSQL's server programs, fetching them if need be. Raises BinaryMissing.

    What runs from it needs `programs.library_environment(folder)` in its environment.
    """
    return machine().obtain(POSTGRESQL).executables["postgres"].parent


def main(arguments: Sequence[str]) -> int:
    """Print the table; return 1 if a program is missing."""
    parser = argparse.ArgumentParser(prog="python -m demo.stack.binaries", description="The programs of the stack.")
    parser.add_argument("--for-tests", action="store_true", help="fetch whatever the tests need first")
    fetch = parser.parse_args(arguments).for_tests
    missing = 0
    for program in ALL:
        try:
            found = machine().obtain(program) if fetch else machine().find(program)
        except BinaryMissing as error:
            print(error, file=sys.stderr)
            found = None
        missing += found is None
        for name in program.executables:
            where = f"{found.version:<10} {found.executables[name]}" if found else "missing"
            print(f"{name:<14} {where}")
    return int(missing > 0)


def _installed(program: Program, folder: Path) -> Found | None:
    executables = program.executables_in(folder)
    if executables is None:
        return None
    if program is POSTGRESQL:
        # On PATH it may be a link, and its libraries and data files lie beside the real one.
        executables = {name: path.resolve() for name, path in executables.items()}
    version = version_of(next(iter(executables.values())))
    return None if version is None or version < program.minimum else Found(program.dotted(version), executables)


def _find_inside(program: Program, top: Path) -> Mapping[str, Path] | None:
    folders = [top] if program.inside == "." else sorted(top.glob(program.inside))
    return next(filter(None, map(program.executables_in, folders)), None)


def _newest_first(folders: Iterable[Path]) -> list[Path]:
    return sorted(folders, key=lambda folder: [int(part) for part in re.findall(r"\d+", folder.name)], reverse=True)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let one process in at a time: two starts at once must not fetch twice."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
