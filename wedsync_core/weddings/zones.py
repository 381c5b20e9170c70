"""Which copy of the world's time-zone rules is in use. Governments change them several times a year."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Final

import tzdata  # type: ignore[import-untyped]

_PACKAGED: Final[str] = tzdata.IANA_VERSION
_VERSION_FILE: Final = "tzdata.zi"
"""Part of the operating system's zone folder; its first line reads `# version 2025b`."""


def tzdata_version() -> str:
    """Return the version zoneinfo reads from: like `2025b`, or `unknown` for a system folder that does not say."""
    return _system_version() or _PACKAGED


def use_newest_zones() -> str:
    """Let zoneinfo read the packaged rules when they are newer than the system's; return the version now in use.

    zoneinfo prefers the system's folder whatever its age. For the start of a process, before any zone is loaded:
    zones already in use keep the rules they have.
    """
    system = _system_version()
    if system is not None and (system == "unknown" or system < _PACKAGED):
        zoneinfo.reset_tzpath(to=())
        zoneinfo.ZoneInfo.clear_cache()
    return tzdata_version()


def _system_version() -> str | None:
    """Return the version of the first zone folder on zoneinfo's path; None when there is none."""
    for folder in map(Path, zoneinfo.TZPATH):
        if not (folder / "UTC").is_file():
            continue
        try:
            with (folder / _VERSION_FILE).open(encoding="ascii") as file:
                first_line = file.readline(64)
        except (OSError, UnicodeDecodeError):
            return "unknown"
        return first_line.removeprefix("# version ").strip() or "unknown"
    return None
