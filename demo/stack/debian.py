"""Debian and Ubuntu packages, fetched and unpacked without root and without touching the machine's own apt state.

Addresses and keys come from the machine's own source lists, so a mirror or a proxy chosen for it is used here too.
Standard library only: the first start runs this before anything is installed.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

NEWEST_SUITE: Final = "sid"
_POCKETS: Final = ("", "-updates", "-security", "/updates")
_ROLLING: Final = frozenset({"stable", "testing", "unstable", NEWEST_SUITE})
_ONE_LINE: Final = re.compile(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")
_CANDIDATE: Final = re.compile(r"^(?P<name>\S+):\n(?:  .*\n)*?  Candidate: (?P<version>\S+)", re.MULTILINE)


class PackagesUnavailable(Exception):
    """Packages could not be had. Another try helps only when the message names the network or a mirror."""


@dataclass(frozen=True, slots=True)
class Archive:
    """One source of packages, as apt's own lists describe it. `signed_by` is empty for apt's default keys."""

    uris: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""

    def stanza(self) -> str:
        """Return it as one stanza of a `.sources` file (deb822)."""
        lines = [
            "Types: deb",
            f"URIs: {self.uris}",
            f"Suites: {' '.join(self.suites)}",
            f"Components: {' '.join(self.components)}",
        ]
        # A key may stand in the list itself, over several lines.
        lines += [f"Signed-By:{'' if self.signed_by.startswith(chr(10)) else ' '}{self.signed_by}"] * bool(
            self.signed_by
        )
        return "\n".join(lines) + "\n"


def parse_sources(text: str) -> list[Archive]:
    """Return the binary archives of a `.sources` file (deb822, sources.list(5)). Disabled stanzas are left out."""
    archives = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t":
                fields[name] = fields.get(name, "") + "\n" + line
            else:
                name, _, value = line.partition(":")
                name = name.lower()
                fields[name] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() not in {
            "no",
            "false",
            "0",
        }:
            archives.append(
                Archive(
                    uris=" ".join(fields.get("uris", "").split()),
                    suites=tuple(fields.get("suites", "").split()),
                    components=tuple(fields.get("components", "").split()),
                    signed_by=fields.get("signed-by", ""),
                )
            )
    return archives


def parse_list(text: str) -> list[Archive]:
    """Return the binary archives of a one-line-style `.list` file (sources.list(5))."""
    archives = []
    for line in text.splitlines():
        found = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if found:
            options = dict(option.split("=", 1) for option in (found["options"] or "").split() if "=" in option)
            components = tuple(found["components"].split())
            archives.append(Archive(found["uri"], (found["suite"],), components, options.get("signed-by", "")))
    return archives


def machine_archives(apt: Path = Path("/etc/apt")) -> list[Archive]:
    """Return every archive the machine's own lists name; none where apt is not in use."""
    archives: list[Archive] = []
    parts = apt / "sources.list.d"
    for path in [apt / "sources.list", *sorted(parts.glob("*.list")), *sorted(parts.glob("*.sources"))]:
        if path.is_file():
            parse = parse_sources if path.suffix == ".sources" else parse_list
            archives += parse(path.read_text(encoding="utf-8", errors="replace"))
    return archives


def operating_system(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """Return the fields of os-release(5); empty where there is none."""
    if not path.is_file():
        return {}
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
    return {key: value.strip().strip("\"'") for key, mark, value in pairs if mark}


def own_suites(archives: Iterable[Archive], system: Mapping[str, str]) -> list[Archive]:
    """Return what belongs to the machine's own release: third parties' lists may be out of reach and are left out."""
    codename = system.get("VERSION_CODENAME", "")
    wanted = {codename + pocket for pocket in _POCKETS} if codename else set()
    kept = []
    for archive in archives:
        suites = tuple(suite for suite in archive.suites if suite in wanted or suite in _ROLLING)
        if suites and "main" in archive.components:
            kept.append(replace(archive, suites=suites))
    return kept


def newest_suite(archives: Iterable[Archive], system: Mapping[str, str]) -> Archive | None:
    """Return Debian's newest suite on the mirror this machine uses, or None where this is not Debian."""
    if system.get("ID") != "debian":
        return None
    codename = system.get("VERSION_CODENAME", "")
    for archive in own_suites(archives, system):
        # The security archive has no such suite: only the entry that names the plain release does.
        if codename in archive.suites or _ROLLING.intersection(archive.suites):
            return replace(archive, suites=(NEWEST_SUITE,), components=("main",))
    return None


class PrivateApt:
    """Apt with its lists, cache and sources in a directory of ours."""

    def __init__(self, directory: Path, archives: Sequence[Archive]) -> None:
        self._directory = directory
        self._archives = archives
        self._trouble = ""

    def update(self) -> None:
        """Fetch the package lists. Trouble with one archive is told only when a package is then missing."""
        for folder in ("lists/partial", "cache/archives/partial"):
            (self._directory / folder).mkdir(parents=True, exist_ok=True)
        stanzas = "\n".join(archive.stanza() for archive in self._archives)
        (self._directory / "wedsync.sources").write_text(stanzas, encoding="utf-8")
        done = self._run("apt-get", "-q", "update", check=False)
        self._trouble = " ".join(line for line in done.stderr.splitlines() if line[:2] in {"E:", "W:"})

    def candidates(self, *packages: str) -> dict[str, str]:
        """Return package name to the version that would be fetched, for those there are."""
        found = _CANDIDATE.finditer(self._run("apt-cache", "policy", *packages).stdout)
        return {match["name"]: match["version"] for match in found if match["version"] != "(none)"}

    def needed_for(self, package: str) -> list[str]:
        """Return the packages this machine lacks to run `package`, itself included. Recommendations are left out."""
        done = self._run("apt-get", "-q", "--simulate", "--no-install-recommends", "install", package)
        return [line.split()[1] for line in done.stdout.splitlines() if line.startswith("Inst ")]

    def unpack(self, packages: Sequence[str], into: Path) -> None:
        """Download the packages (apt checks their signatures) and unpack them, running none of their scripts."""
        missing = sorted(set(packages) - set(self.candidates(*packages)))
        if missing:
            raise PackagesUnavailable(f"no package {', '.join(missing)} in the archives. {self._trouble}".rstrip())
        downloads = self._directory / "downloads"
        shutil.rmtree(downloads, ignore_errors=True)
        downloads.mkdir()
        self._run("apt-get", "-q", "download", *packages, cwd=downloads)
        for package in sorted(downloads.glob("*.deb")):
            _call([_program("dpkg-deb"), "--extract", str(package), str(into)])
        shutil.rmtree(downloads)

    def _run(
        self, program: str, *arguments: str, cwd: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        options = {
            "Dir::State::Lists": self._directory / "lists",
            "Dir::Cache": self._directory / "cache",
            "Dir::Etc::sourcelist": self._directory / "wedsync.sources",
            "Dir::Etc::sourceparts": "/dev/null",
            # Pins and the default release were written for the machine's own lists and may forbid this suite.
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Default-Release": "",
            # As root, apt would change to a user who cannot write here.
            "APT::Sandbox::User": "",
            "Acquire::Languages": "none",
            "Acquire::Retries": 1,
            "Acquire::http::Timeout": 20,
            "Debug::NoLocking": 1,
        }
        flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
        return _call([_program(program), *flags, *arguments], cwd=cwd, check=check)


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise PackagesUnavailable(f"{name} is not on this machine: Debian and Ubuntu have it")
    return path


def _call(argv: Sequence[str], cwd: Path | None = None, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        told = " ".join(line for line in done.stderr.splitlines() if not line.startswith("W:"))
        raise PackagesUnavailable(f"{Path(argv[0]).name} failed (exit {done.returncode}): {told[-500:]}")
    return done
