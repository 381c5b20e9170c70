"""Pages as signed HTTP posts."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import requests

from webhook_receiver.notify.channels.channel import ChannelError, Envelope
from wedsync_core.clock import format_timestamp

_TEMPORARY = frozenset({408, 425, 429})
"""Refusals that invite another try; other 4xx say that this post will never be taken."""

ReadKey = Callable[[], bytes]


def signature(key: bytes, timestamp: int, body: bytes) -> str:
    """Return ``v1=<hex>``: HMAC-SHA-256 over ``<timestamp>.<body>``, so that neither can be replaced alone."""
    return "v1=" + hmac.new(key, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def key_reader(path: Path) -> ReadKey:
    """Return a reader of a signing key that sees a rotated file at the next page."""

    def read() -> bytes:
        return path.read_text(encoding="utf-8").split()[0].encode()

    return read


class WebhookChannel:
    """Posts each page as JSON. Redirects are not followed: a page goes where the settings say, or fails."""

    def __init__(self, url: str, read_key: ReadKey, timeout: timedelta) -> None:
        self._url = url
        self._read_key = read_key
        self._timeout = timeout.total_seconds()

    def send(self, envelope: Envelope) -> None:
        """Post the page; raises ChannelError, permanent for a refusal that no retry can change."""
        record = {
            "person": envelope.person,
            "address": envelope.address,
            "sent_at": format_timestamp(envelope.sent_at),
            "maybe_repeat": envelope.maybe_repeat,
            **envelope.page.as_json(),
        }
        body = json.dumps(record, ensure_ascii=False).encode()
        timestamp = int(envelope.sent_at.timestamp())
        try:
            headers = {
                "Content-Type": "application/json",
                "Idempotency-Key": envelope.idempotency_key,
                "X-WedSync-Timestamp": str(timestamp),
                "X-WedSync-Signature": signature(self._read_key(), timestamp, body),
            }
            answer = requests.post(
                self._url, data=body, headers=headers, timeout=(2, self._timeout), allow_redirects=False
            )
        except (OSError, IndexError) as error:  # requests' own errors are OSErrors; IndexError: an empty key file
            raise ChannelError(f"the post failed: {type(error).__name__}", permanent=False) from error
        if not 200 <= answer.status_code < 300:
            permanent = 300 <= answer.status_code < 500 and answer.status_code not in _TEMPORARY
            raise ChannelError(f"the provider answered {answer.status_code}", permanent=permanent)
