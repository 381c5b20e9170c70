"""Which of two releases is the newer: by their names where these tell, else by which was heard of first. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

_LONGEST_NUMBER = 18


class Basis(StrEnum):
    """By what two releases were put in order."""

    VERSION = "version"
    DATE = "date"
    COMMITS = "commits_since_tag"
    FIRST_SEEN = "first_seen"


@dataclass(frozen=True)
class Order:
    """`sign` is negative when the first release is the older one, 0 when they are one."""

    sign: int
    basis: Basis


_PACKAGE = re.compile(r"(?P<package>[^@\s]+)@(?P<rest>.+)")
_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<commits>[0-9]{1,9})-g(?P<hash>[0-9a-f]{4,40})(?:-dirty)?")
_VERSION = re.compile(
    r"[vV]?(?P<core>[0-9]{1,18}(?:\.[0-9]{1,18}){0,5})"
    r"(?:-(?P<pre>[0-9A-Za-z.-]{1,100}))?(?:\+(?P<build>[0-9A-Za-z.-]{1,100}))?"
)
_DATE = re.compile(
    r"(?P<year>20[0-9]{2})[-.]?(?P<month>0[1-9]|1[0-2])[-.]?(?P<day>0[1-9]|[12][0-9]|3[01])"
    r"(?:[T_.-]?(?P<hour>[01][0-9]|2[0-3]):?(?P<minute>[0-5][0-9])(?::?(?P<second>[0-5][0-9]))?Z?)?"
    r"(?:[.-](?P<number>[0-9]{1,3}))?(?:[-+_][0-9a-f]{6,40})?"
)

Key = tuple[Basis, str, tuple[Any, ...]]


def compare(one: str, other: str, first_seen: Mapping[str, datetime]) -> Order:
    """Put two releases of a service in order.

    Names of one kind (versions of one package, dates) are compared; otherwise the release first heard of earlier is
    the older, and one that was never heard of before is the newest.
    """
    if one == other:
        return Order(0, Basis.FIRST_SEEN)
    left, right = _key(one), _key(other)
    if left is not None and right is not None and left[:2] == right[:2] and left[2] != right[2]:
        return Order(-1 if left[2] < right[2] else 1, _basis(one, other, left[0]))
    return Order(_by_first_seen(first_seen.get(one), first_seen.get(other)), Basis.FIRST_SEEN)


def newest(releases: Mapping[str, datetime]) -> str:
    """Return the newest of the releases of a service, by name to when it was first heard of; nothing of none."""
    best = ""
    for release in sorted(releases, key=lambda name: (releases[name], name)):
        if not best or compare(release, best, releases).sign > 0:
            best = release
    return best


def _by_first_seen(one: datetime | None, other: datetime | None) -> int:
    if one is None or other is None:
        return (one is None) - (other is None)
    return (one > other) - (one < other)


def _key(release: str) -> Key | None:
    """Return the kind, the package, and what stands for the order within them."""
    packaged = _PACKAGE.fullmatch(release.strip())
    package, text = (packaged["package"], packaged["rest"]) if packaged else ("", release.strip())
    date = _DATE.fullmatch(text)
    if date is not None:
        return Basis.DATE, package, tuple(int(part or 0) for part in date.groups())
    described = _DESCRIBED.fullmatch(text)
    commits = int(described["commits"]) if described else 0
    version = _VERSION.fullmatch(described["tag"] if described else text)
    if version is None:
        return None
    core = tuple(int(part) for part in version["core"].split("."))
    while core and core[-1] == 0:
        core = core[:-1]
    return Basis.VERSION, package, (core, _prerelease(version["pre"]), commits)


def _prerelease(text: str | None) -> tuple[Any, ...]:
    """Return identifiers that compare as semantic versions do: none is above any, numbers below words."""
    if text is None:
        return ((2, 0, ""),)
    parts: list[Any] = []
    for part in text.split("."):
        number = part.isdigit() and len(part) <= _LONGEST_NUMBER
        parts.append((0, int(part), "") if number else (1, 0, part))
    return tuple(parts)


def _basis(one: str, other: str, basis: Basis) -> Basis:
    described = any(_DESCRIBED.fullmatch(text) for text in (one, other))
    return Basis.COMMITS if described and basis is Basis.VERSION else basis
