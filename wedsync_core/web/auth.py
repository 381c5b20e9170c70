"""Roles by bearer token. Tokens live in files, one live value a line, at most two so that one can be rotated."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wedsync_core.problems import Forbidden, Unauthenticated

LIVE_VALUES = 2
SHORTEST_TOKEN = 16


class Role(StrEnum):
    """What a caller may do. Nothing is allowed that a route does not name."""

    INGEST = "ingest"
    VIEWER = "viewer"
    RESPONDER = "responder"
    ADMIN = "admin"
    ALERTMANAGER = "alertmanager"

    @property
    def includes(self) -> frozenset[Role]:
        """The roles whose routes this role may call."""
        return _INCLUDES[self]


_INCLUDES: Mapping[Role, frozenset[Role]] = {
    Role.INGEST: frozenset({Role.INGEST}),
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.RESPONDER: frozenset({Role.RESPONDER, Role.VIEWER}),
    Role.ADMIN: frozenset({Role.ADMIN, Role.RESPONDER, Role.VIEWER, Role.INGEST}),
    Role.ALERTMANAGER: frozenset({Role.ALERTMANAGER}),
}


class TokenFileInvalid(ValueError):
    """A token file is missing, empty, too open to guessing, or holds more than two values."""


@dataclass(frozen=True)
class Principal:
    """The caller. ``name`` is the role until people have their own credentials."""

    role: Role

    @property
    def name(self) -> str:
        """What records call the caller."""
        return self.role.value


class Tokens:
    """The live tokens of each role, read again when a file changes."""

    def __init__(self, token_files: Mapping[Role, Path]) -> None:
        self._files = dict(token_files)
        self._lock = threading.Lock()
        self._stamps: dict[Role, tuple[int, int]] = {}
        self._values: dict[Role, tuple[bytes, ...]] = {}
        for role in self._files:
            self._load(role)

    def principal_of(self, authorization: str | None) -> Principal:
        """Return who sent this Authorization header; raises Unauthenticated.

        Every live value of every role is compared, in constant time each, so that timing tells nothing.
        """
        scheme, _, credential = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not credential.strip():
            raise Unauthenticated("send a bearer token", headers={"WWW-Authenticate": "Bearer"})
        presented = credential.strip().encode("utf-8", "surrogateescape")
        found: Role | None = None
        for role in self._files:
            for value in self._current(role):
                if hmac.compare_digest(value, presented):
                    found = role
        if found is None:
            raise Unauthenticated(
                "this token is not known", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
            )
        return Principal(found)

    def _current(self, role: Role) -> tuple[bytes, ...]:
        path = self._files[role]
        try:
            stat = path.stat()
            if self._stamps[role] != (stat.st_mtime_ns, stat.st_size):
                self._load(role)
        except (OSError, TokenFileInvalid):
            # A rotation half done must lock nobody out: the values last read stay live until the file is good again.
            pass
        return self._values[role]

    def _load(self, role: Role) -> None:
        path = self._files[role]
        try:
            with self._lock:
                stat = path.stat()
                values = token_values(path.read_text(encoding="utf-8"), str(path))
                self._values[role] = tuple(value.encode() for value in values)
                self._stamps[role] = (stat.st_mtime_ns, stat.st_size)
        except OSError as error:
            raise TokenFileInvalid(f"the token file of role {role.value!r} cannot be read: {error}") from error


def token_values(text: str, name: str) -> list[str]:
    """Return the live values in a token file's text; raises TokenFileInvalid."""
    values = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(values) <= LIVE_VALUES:
        raise TokenFileInvalid(f"{name} holds {len(values)} values; it must hold one, or two while rotating")
    if any(len(value) < SHORTEST_TOKEN for value in values):
        raise TokenFileInvalid(f"{name} holds a value shorter than {SHORTEST_TOKEN} characters")
    return values


def require_role(principal: Principal, allowed: frozenset[Role]) -> None:
    """Raise Forbidden unless one of the caller's roles is allowed."""
    if not principal.role.includes & allowed:
        needed = " or ".join(sorted(role.value for role in allowed))
        raise Forbidden(f"this needs the role {needed}; the token has {principal.role.value}")
