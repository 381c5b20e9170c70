"""Links by which a person acknowledges without logging in: what a token says, whether it is believed. Pure."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_CONTEXT = b"wedsync acknowledge link v1:"
"""What is signed begins with this, so that no other signature made with the same key can be taken for a link."""
_SIGNATURE_BYTES = 20
LONGEST_TOKEN = 400


@dataclass(frozen=True)
class Grant:
    """This person may acknowledge this incident in this round of its escalation, once, until then."""

    incident_id: int
    person: str
    cycle: int
    expires_at: datetime
    link_id: str
    """The page it stands in: a page sent twice has one link, not two."""


class LinkRefused(Exception):
    """A token is not to be believed. ``reason`` is ``forged`` or ``expired``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def sign(grant: Grant, key: bytes) -> str:
    """Return the token; letters, digits, ``-``, ``_`` and one dot."""
    parts = (grant.incident_id, grant.cycle, int(grant.expires_at.timestamp()), grant.link_id, grant.person)
    said = ":".join(str(part) for part in parts).encode()
    return f"{_text(said)}.{_text(_signature(said, key))}"


def read(token: str, keys: Sequence[bytes], now: datetime) -> Grant:
    """Return what a token grants. Raises LinkRefused.

    Every live key is compared, in constant time each: two are live while one replaces the other.
    """
    said_text, _, signature_text = token.partition(".")
    try:
        if len(token) > LONGEST_TOKEN:
            raise LinkRefused("forged")
        said, signature = _bytes(said_text), _bytes(signature_text)
    except (NotBase64, ValueError) as error:
        raise LinkRefused("forged") from error
    matches = [hmac.compare_digest(_signature(said, key), signature) for key in keys]
    if not any(matches):
        raise LinkRefused("forged")
    incident, cycle, expires, link_id, person = said.decode().split(":")
    grant = Grant(int(incident), person, int(cycle), datetime.fromtimestamp(int(expires), UTC), link_id)
    if grant.expires_at <= now:
        raise LinkRefused("expired")
    return grant


def judge(grant: Grant, *, status: str, cycle: int, used: bool) -> str:
    """Return what a believed link can do now: ``open``, or why it can do nothing.

    ``used``: it has acknowledged already. ``resolved``: the incident is over. ``superseded``: the incident began a new
    round meanwhile, with new pages and new links.
    """
    if used:
        return "used"
    if status == "resolved":
        return "resolved"
    return "open" if cycle == grant.cycle else "superseded"


def _signature(said: bytes, key: bytes) -> bytes:
    return hmac.new(key, _CONTEXT + said, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    # Only the one spelling that `_text` gives: a token changed in its unused bits is another token.
    value = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if _text(value) != text:
        raise ValueError("not the canonical spelling")
    return value
