"""How to verify a signed page. This is the sample for whoever receives WedSync Monitoring's webhooks.

The sender puts on each post:

    X-WedSync-Timestamp: <unix seconds of sending>
    X-WedSync-Signature: v1=<hex of HMAC-SHA-256, with the shared key, over "<timestamp>.<raw body>">
    Idempotency-Key: <the same for every sending of the same page>

Verify the raw bytes as they arrived, before parsing them. The time is part of what is signed, so that an old post
cannot be sent again with a new time; a post repeated within the five minutes has the same Idempotency-Key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

LARGEST_SKEW: Final = timedelta(minutes=5)


def sign(key: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature a sender holding the key puts on this body at this time."""
    return "v1=" + hmac.new(key, timestamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()


def why_refused(
    *, keys: Iterable[bytes], timestamp: str | None, signature: str | None, body: bytes, now: datetime
) -> str | None:
    """Return why a post is not to be believed, or None if it is.

    `keys` are the live keys, two while one replaces the other. `now` is aware.
    """
    if timestamp is None or signature is None:
        return "the post is not signed"
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return "the timestamp is not in whole unix seconds"
    if abs(now.timestamp() - int(timestamp)) > LARGEST_SKEW.total_seconds():
        return "the post was signed more than five minutes from now"
    # Every key is tried to the end, in constant time: how long it takes tells nothing about the right signature.
    given = signature.encode("utf-8", "replace")
    matches = [hmac.compare_digest(sign(key, timestamp, body).encode(), given) for key in keys]
    return None if any(matches) else "the signature is not of this body, time and key"
