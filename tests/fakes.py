"""Fakes shared by the tests: small real objects in place of the machine's clock, network and people."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from wedsync_core.clock import require_aware


class FakeClock:
    """A clock that stands still until it is moved. Wall and monotonic time advance together; `set` moves the wall only.

    The wall may be set backwards, as an operator or NTP may; monotonic time may not.
    """

    def __init__(self, start: datetime) -> None:
        self._now = require_aware(start, "start")
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, by: timedelta | None = None, *, seconds: float = 0.0) -> None:
        step = (by or timedelta()) + timedelta(seconds=seconds)
        if step < timedelta():
            raise ValueError("elapsed time is never negative: use set() to move the wall clock back")
        self._now += step
        self._monotonic += step.total_seconds()

    def set(self, moment: datetime) -> None:
        self._now = require_aware(moment, "moment")


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HttpSink:
    """A real HTTP server on a free loopback port that keeps what it receives and answers as it is told.

    `answer` is a status for every request, or a function from a request to status, headers and body. It takes
    requests only inside a `with` block; `stop` and `start` play an outage, the port stays the same.
    """

    def __init__(
        self, answer: int | Callable[[Received], tuple[int, dict[str, str], bytes]] = 200, port: int = 0
    ) -> None:
        self.answer = answer
        self._received: list[Received] = []
        self._changed = threading.Condition()
        self._port = port
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def received(self) -> list[Received]:
        with self._changed:
            return list(self._received)

    def wait_for(self, condition: Callable[[list[Received]], bool], timeout: float = 10.0) -> list[Received]:
        """Wait until the requests so far satisfy the condition; returns them; fails the test otherwise."""
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self._received), timeout), self._received
            return list(self._received)

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Received(self.command, self.path, headers, self.rfile.read(length))
                answer = sink.answer
                status, extra, body = (answer, {}, b"{}") if isinstance(answer, int) else answer(request)
                with sink._changed:
                    sink._received.append(request)
                    sink._changed.notify_all()
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - the base class's names

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Say nothing."""

        return Handler


class FakeAlertmanager(HttpSink):
    """Alertmanager as a poster of alerts sees it: takes `POST /api/v2/alerts`, refuses as the test says.

    `refuses` names a label value that makes any post holding it a 400, as a bad label does.
    """

    def __init__(self, *, refuses: str | None = None) -> None:
        super().__init__(self._judge)
        self.refuses = refuses
        self.status = 200
        self._taken: list[list[dict[str, Any]]] = []

    @property
    def posts(self) -> list[list[dict[str, Any]]]:
        """The alerts of each accepted post, in order."""
        return list(self._taken)

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Every alert taken, in order, repeats included."""
        return [alert for post in self.posts for alert in post]

    def _judge(self, request: Received) -> tuple[int, dict[str, str], bytes]:
        if self.status != 200:
            return self.status, {}, b"{}"
        alerts = json.loads(request.body)
        if self.refuses and any(self.refuses in alert["labels"].values() for alert in alerts):
            return 400, {}, b'"bad label"'
        self._taken.append(alerts)
        return 200, {}, b"{}"


class CalmPrometheus(HttpSink):
    """Prometheus as the reconciler asks it: its Watchdog fires and nothing else does; every job is up."""

    def __init__(self, port: int) -> None:
        super().__init__(self._answer, port)

    def _answer(self, request: Received) -> tuple[int, dict[str, str], bytes]:
        alive = {"metric": {"alertname": "Watchdog", "alertstate": "firing"}, "value": [0, "1"]}
        result = [] if "query_range" in request.path else [alive]
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})
        return 200, {"Content-Type": "application/json"}, body.encode()
