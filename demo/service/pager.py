"""The pager at the end of the chain: it believes signed pages, and keeps what reached it and when."""

from __future__ import annotations

import json
import threading
from collections import deque
from pathlib import Path
from typing import Any, Final

from flask import Blueprint, Response, jsonify, make_response, request

from demo.service.signature import why_refused
from wedsync_core.clock import Clock, format_timestamp

REMEMBERED: Final = 1_000
LARGEST_PAGE: Final = 1024 * 1024
LARGEST_FALLBACK: Final = 32 * 1024 * 1024
"""Alertmanager writes all alerts of a group into one message."""
MOST_ALERTS: Final = 50
LARGEST_FILE: Final = 16 * 1024 * 1024


class PagerSink:
    """What arrived: the newest thousand in memory, all of it in `pages.jsonl`."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._file = data_dir / "pages.jsonl"
        self._clock = clock
        self._lock = threading.Lock()
        self._arrived: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)

    def keep(self, kind: str, key: str | None, content: Any) -> dict[str, Any]:
        """Keep one arrival; raises OSError if it cannot be written. A key seen before is marked as a duplicate."""
        with self._lock:
            now = self._clock.now()
            record = {
                "kind": kind,
                "arrived_at": format_timestamp(now),
                "arrived_unix": now.timestamp(),
                "idempotency_key": key,
                "duplicate": key is not None and any(known["idempotency_key"] == key for known in self._arrived),
                "content": content,
            }
            self._write(json.dumps(record) + "\n")
            self._arrived.append(record)
            return record

    def arrived(self, newest: int) -> list[dict[str, Any]]:
        """Return the newest arrivals, oldest first."""
        with self._lock:
            return list(self._arrived)[-newest:]

    def _write(self, line: str) -> None:
        if self._file.exists() and self._file.stat().st_size > LARGEST_FILE:
            self._file.replace(self._file.with_suffix(".1.jsonl"))
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(line)


def pager_routes(sink: PagerSink, key_file: Path | None, clock: Clock) -> Blueprint:
    """Return the routes. Without a key file no page is believed: 503, so that the sender keeps it and tries again."""
    routes = Blueprint("pager", __name__)

    @routes.post("/pager")
    def page() -> Response:
        request.max_content_length = LARGEST_PAGE
        body = request.get_data(cache=False)
        keys = _keys(key_file)
        if not keys:
            return _answer(503, error="this pager has no key yet")
        headers = request.headers
        refused = why_refused(
            keys=keys,
            timestamp=headers.get("X-WedSync-Timestamp"),
            signature=headers.get("X-WedSync-Signature"),
            body=body,
            now=clock.now(),
        )
        if refused is not None:
            return _answer(401, error=refused)
        key = headers.get("Idempotency-Key")
        if not key or len(key) > 200:
            return _answer(400, error="a page needs an Idempotency-Key of at most 200 characters")
        content = _json(body)
        if content is None:
            return _answer(400, error="send a JSON object")
        return _answer(200, received=True, duplicate=sink.keep("page", key, content)["duplicate"])

    @routes.post("/pager/fallback")
    def fallback() -> Response:
        request.max_content_length = LARGEST_FALLBACK
        content = _json(request.get_data(cache=False))
        if content is None:
            return _answer(400, error="send a JSON object")
        sink.keep("fallback", None, _summary(content))
        return _answer(200, received=True)

    @routes.get("/pager")
    def listed() -> Response:
        newest = request.args.get("limit", default=100, type=int)
        return _answer(200, pages=sink.arrived(min(max(newest, 1), REMEMBERED)))

    return routes


def _keys(key_file: Path | None) -> list[bytes]:
    """Return the live keys, read at each page so that they can be rotated; none if the file is not there."""
    try:
        return [key.encode() for key in key_file.read_text(encoding="utf-8").split()] if key_file else []
    except (OSError, UnicodeDecodeError):
        return []


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _summary(message: dict[str, Any]) -> dict[str, Any]:
    """Return what a person needs of Alertmanager's message, bounded: it may hold thousands of alerts."""
    alerts = message.get("alerts")
    alerts = [alert for alert in alerts if isinstance(alert, dict)] if isinstance(alerts, list) else []
    return {
        "receiver": message.get("receiver"),
        "status": message.get("status"),
        "alert_count": len(alerts),
        "alerts": [
            {name: alert.get(name) for name in ("status", "labels", "annotations", "startsAt")}
            for alert in alerts[:MOST_ALERTS]
        ],
    }


def _answer(status: int, **fields: Any) -> Response:
    return make_response(jsonify(fields), status)
