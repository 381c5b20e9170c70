"""The client of the errors benchmark: the same envelopes over the same connections for whoever is measured."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from wedsync_core.clock import SystemClock

CLOCK = SystemClock()
EVENT_BYTES = 8_800
TYPES = 50
CONNECTIONS = 4


@dataclass
class Load:
    """What one run saw: seconds of each answered post, ids that were answered 200, and what was not."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0


def event(number: int, event_id: str, kinds: int = TYPES) -> dict[str, Any]:
    """Return an event as `sentry-sdk` writes it for an exception in a Flask view, 8.8 KB of JSON."""
    kind = number % kinds
    frames = [
        {
            "filename": f"wedsync/booking/{module}.py",
            "abs_path": f"/srv/wedsync/booking/{module}.py",
            "function": f"{module}_{kind}",
            "module": f"wedsync.booking.{module}",
            "lineno": 40 + line,
            "pre_context": [f"    step_{line} = prepare(step={line})" for _ in range(5)],
            "context_line": f"    return {module}_{kind}(booking, guest)",
            "post_context": ["", "", f"def after_{module}(booking):", "    return booking.total()", ""],
            "vars": {"booking_id": str(number), "guest": "'amara@okafor.example'", "password": "'hunter2'"},
            "in_app": line % 2 == 0,
        }
        for line, module in enumerate(("views", "flow", "pricing", "ledger", "payment", "gateway", "wire"))
    ]
    told: dict[str, Any] = {
        "event_id": event_id,
        "level": "error",
        "platform": "python",
        "timestamp": "2026-11-24T05:11:25.915000Z",
        "release": "booking@2.3.0",
        "environment": "production",
        "transaction": "/bookings/<id>/pay",
        "exception": {
            "values": [
                {
                    "type": f"BookingFailed{kind}",
                    "module": "wedsync.booking",
                    "value": f"booking {number} of amara@okafor.example could not be paid with 4111 1111 1111 1111",
                    "mechanism": {"type": "flask", "handled": False},
                    "stacktrace": {"frames": frames},
                }
            ]
        },
        "request": {
            "url": "http://wedsync.example/bookings/4711/pay",
            "method": "POST",
            "query_string": "token=abcdefghij0123456789",
            "headers": {"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0", "Cookie": "session=abc"},
        },
        "user": {"id": f"user-{number % 500}"},
        "contexts": {"trace": {"trace_id": uuid.uuid4().hex, "span_id": uuid.uuid4().hex[:16]}},
        "breadcrumbs": {
            "values": [
                {"timestamp": "2026-11-24T05:11:25Z", "category": "query", "message": f"booking {step} of the page"}
                for step in range(10)
            ]
        },
        "sdk": {"name": "sentry.python.flask", "version": "2.75.0"},
        "modules": {},
    }
    room = EVENT_BYTES - len(json.dumps(told)) - 30
    told["modules"] = {f"package-{at}": "1.2.3" for at in range(max(room // 23, 0))}
    return told


def envelope(number: int, kinds: int = TYPES) -> tuple[str, bytes]:
    """Return an event id and its envelope, packed with gzip."""
    event_id = uuid.uuid4().hex
    payload = json.dumps(event(number, event_id, kinds)).encode()
    head = json.dumps({"event_id": event_id}).encode()
    item = json.dumps({"type": "event", "length": len(payload)}).encode()
    return event_id, gzip.compress(b"\n".join((head, item, payload)), 1)


def envelopes(count: int, kinds: int = TYPES) -> list[tuple[str, bytes]]:
    """Return so many envelopes, prepared before anything is measured."""
    return [envelope(number, kinds) for number in range(count)]


def post(url: str, key: str, ready: Sequence[tuple[str, bytes]], *, seconds: float) -> Load:
    """Post envelopes until they or the time run out. A connection that breaks ends its thread."""
    load = Load()
    source = iter(ready)
    lock = threading.Lock()
    began = CLOCK.monotonic()
    threads = [
        threading.Thread(target=_connection, args=(url, key, source, lock, began + seconds, load))
        for _ in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = CLOCK.monotonic() - began
    return load


def _connection(
    url: str, key: str, source: Iterator[tuple[str, bytes]], lock: threading.Lock, until: float, load: Load
) -> None:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    headers = {
        "Content-Type": "application/x-sentry-envelope",
        "Content-Encoding": "gzip",
        "X-Sentry-Auth": f"Sentry sentry_key={key}, sentry_version=7, sentry_client=sentry.python/2.75.0",
    }
    try:
        while CLOCK.monotonic() < until:
            with lock:
                one = next(source, None)
            if one is None:
                return
            began = CLOCK.monotonic()
            connection.request("POST", place.path, one[1], headers)
            answer = connection.getresponse()
            answer.read()
            with lock:
                if answer.status == 200:
                    load.latencies.append(CLOCK.monotonic() - began)
                    load.acknowledged.append(one[0])
                else:
                    load.refused += 1
    except (OSError, http.client.HTTPException):
        return  # the server was killed: what it had not answered does not count
    finally:
        connection.close()
