"""Reads the envelopes that Sentry's SDKs send: a line of header, then items, each a line of header and a payload. Pure.

Python's SDK gives the length of each payload; the browser's gives none, and its payloads end with their line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from wedsync_core.jsontext import parse_json
from wedsync_core.problems import Malformed

MOST_ITEMS = 1_000
LONGEST_HEADER = 16 * 1024
"""Bytes of a line of header. The trace context of a browser is about 500."""
KNOWN_ITEMS = (
    *("event", "transaction", "session", "sessions", "attachment", "log", "client_report", "span", "trace_metric"),
    *("profile", "profile_chunk", "replay_event", "replay_recording", "replay_video", "check_in", "feedback"),
    *("user_report", "statsd", "metric_buckets", "raw_security", "security"),
)
OTHER = "other"
DISCARD_REASONS = (
    *("ratelimit_backoff", "queue_overflow", "cache_overflow", "network_error", "sample_rate", "before_send"),
    *("event_processor", "send_error", "internal_sdk_error", "insufficient_data", "backpressure", "buffer_overflow"),
    *("no_parent_span", "invalid", "too_big"),
)
DISCARD_CATEGORIES = (
    *("error", "default", "transaction", "span", "session", "attachment", "log_item", "log_byte", "profile", "replay"),
    *("monitor", "feedback", "internal", "security", "trace_metric"),
)
_MOST_DISCARDED = 10_000_000
_KEY = re.compile(r"[0-9a-f]{32}")
_EVENT_ID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Item:
    """One item: its type as the SDK calls it, and its payload as it came."""

    type: str
    payload: bytes

    @property
    def label(self) -> str:
        """The type, from a closed set."""
        return self.type if self.type in KNOWN_ITEMS else OTHER


@dataclass(frozen=True)
class Envelope:
    """A whole envelope. Sessions and reports of the client have no event id."""

    event_id: str | None
    dsn_key: str
    """The public key of the DSN in its header; empty without one. Tunnels authenticate so."""
    items: tuple[Item, ...]


def read_envelope(body: bytes) -> Envelope:
    """Read an envelope; raises Malformed when its lines or lengths do not fit."""
    line, position = _line(body, 0)
    header = _header(line, "the envelope's header")
    return Envelope(event_id_of(header), dsn_key(header.get("dsn")), tuple(_items(body, position)))


def read_event(item: Item) -> dict[str, Any]:
    """Return the event an item holds; raises Malformed."""
    event = parse_json(item.payload)
    if not isinstance(event, dict):
        raise Malformed("an event must be an object")
    return event


def event_id_of(members: Mapping[str, Any]) -> str | None:
    """Return the event id, 32 hexadecimal digits; None without one that is one."""
    value = members.get("event_id")
    if not isinstance(value, str) or _EVENT_ID.fullmatch(value) is None:
        return None
    return value.replace("-", "").lower()


def dsn_key(dsn: Any) -> str:
    """Return the public key of a DSN; nothing when it is none."""
    if not isinstance(dsn, str):
        return ""
    try:
        return unquote(urlsplit(dsn).username or "")
    except ValueError:
        return ""


def header_key(header: str | None) -> str:
    """Return the key in `X-Sentry-Auth: Sentry sentry_key=…, sentry_version=7`; nothing without one."""
    scheme, _, members = (header or "").strip().partition(" ")
    if scheme.lower() != "sentry":
        return ""
    for member in members.split(","):
        name, _, value = member.strip().partition("=")
        if name.strip() == "sentry_key":
            return value.strip()
    return ""


def discarded(payload: bytes) -> dict[tuple[str, str], int]:
    """Return what a client says it threw away, by reason and category, both from closed sets. Raises Malformed."""
    report = parse_json(payload)
    events = report.get("discarded_events") if isinstance(report, dict) else None
    counts: dict[tuple[str, str], int] = {}
    for entry in events if isinstance(events, list) else []:
        quantity = entry.get("quantity") if isinstance(entry, dict) else None
        if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 < quantity <= _MOST_DISCARDED:
            continue
        reason, category = entry.get("reason"), entry.get("category")
        key = (
            reason if reason in DISCARD_REASONS else OTHER,
            category if category in DISCARD_CATEGORIES else OTHER,
        )
        counts[key] = counts.get(key, 0) + quantity
    return counts


def is_public_key(text: str) -> bool:
    """Tell whether this is the form of a public key: 32 lower-case hexadecimal digits."""
    return _KEY.fullmatch(text) is not None


def _items(body: bytes, position: int) -> Iterator[Item]:
    count = 0
    while position < len(body):
        line, position = _line(body, position)
        if not line.strip():
            continue
        count += 1
        if count > MOST_ITEMS:
            raise Malformed(f"the envelope has more than {MOST_ITEMS} items")
        header = _header(line, f"the header of item {count}")
        kind = header.get("type")
        if not isinstance(kind, str) or not kind:
            raise Malformed(f"the header of item {count} names no type")
        payload, position = _payload(body, position, header.get("length"), count)
        yield Item(kind, payload)


def _payload(body: bytes, position: int, length: Any, count: int) -> tuple[bytes, int]:
    if length is None:
        end = body.find(b"\n", position)
        end = len(body) if end < 0 else end
        return body[position:end], end + 1
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise Malformed(f"the length of item {count} is no number of bytes")
    end = position + length
    if end > len(body):
        raise Malformed(f"item {count} is said to have {length} bytes and has {len(body) - position}")
    if body[end : end + 1] not in (b"", b"\n"):
        raise Malformed(f"the payload of item {count} does not end where its length says")
    return body[position:end], end + 1


def _line(body: bytes, position: int) -> tuple[bytes, int]:
    end = body.find(b"\n", position, position + LONGEST_HEADER + 1)
    if end < 0:
        end = len(body)
    if end - position > LONGEST_HEADER:
        raise Malformed(f"a line of header is longer than {LONGEST_HEADER} bytes")
    return body[position:end], end + 1


def _header(line: bytes, what: str) -> dict[str, Any]:
    try:
        header = parse_json(line)
    except Malformed as error:
        raise Malformed(f"{what} is not JSON") from error
    if not isinstance(header, dict):
        raise Malformed(f"{what} is not an object")
    return header
