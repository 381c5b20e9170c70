"""Pages as signed HTTP posts."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import requests
from urllib3.exceptions import NewConnectionError

from webhook_receiver.notify.channels.channel import ChannelError, Envelope
from wedsync_core.clock import format_timestamp

_TEMPORARY = frozenset({408, 425, 429})
"""Refusals that invite another try; other 4xx say that this post will never be taken."""

_GATEWAY_TIMEOUT = 504
"""Of a proxy that gave up on the provider behind it: the provider may have taken the page."""

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
        record = _record(envelope)
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
            problem = f"the post failed: {type(error).__name__}"
            raise ChannelError(problem, permanent=False, unknown=_may_have_arrived(error)) from error
        status = answer.status_code
        if not 200 <= status < 300:
            permanent = 300 <= status < 500 and status not in _TEMPORARY
            asked = _patience(answer.headers.get("Retry-After"), envelope.sent_at)
            unknown = status == _GATEWAY_TIMEOUT
            problem = f"the provider answered {status}"
            raise ChannelError(problem, permanent=permanent, unknown=unknown, retry_after=asked)


def _record(envelope: Envelope) -> dict[str, Any]:
    page = envelope.page.as_json()
    incidents = [{**one, "acknowledge_url": envelope.links.get(one["incident_id"])} for one in page["incidents"]]
    return {
        "person": envelope.person,
        "address": envelope.address,
        "sent_at": format_timestamp(envelope.sent_at),
        "maybe_repeat": envelope.maybe_repeat,
        **page,
        "incidents": incidents,
        "acknowledge_url": envelope.acknowledge_url,
    }


def _may_have_arrived(error: Exception) -> bool:
    """Return whether the post may have been taken: it was not if there was no connection at all."""
    if isinstance(error, requests.ConnectTimeout) or not isinstance(error, requests.RequestException):
        return False
    cause = error.args[0] if error.args else None
    return not isinstance(getattr(cause, "reason", None), NewConnectionError)


def _patience(asked: str | None, now: datetime) -> timedelta | None:
    """Return what a Retry-After asks for, in seconds or as a date; None for anything else."""
    if asked is None:
        return None
    if asked.isascii() and asked.isdecimal():
        return timedelta(seconds=min(int(asked[:9]), 86_400))
    try:
        moment = parsedate_to_datetime(asked)
    except ValueError:
        return None
    return max(moment - now, timedelta()) if moment.tzinfo else None
