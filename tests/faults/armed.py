"""``python -m tests.faults.armed``: the receiver, killed when it comes to the step that the trap names.

The steps are seen from outside: in the statements of a transaction and its commit, at the edges of a request, at the
edges of a call to a provider. Production code knows nothing of them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import event

from webhook_receiver.__main__ import claim
from webhook_receiver.app import build_receiver
from wedsync_core.settings import Settings
from wedsync_core.storage import Database
from wedsync_core.web.command import serve
from wedsync_core.web.server import RunningService

WEBHOOK = "/api/monitoring/alertmanager"


class Trap:
    """A file with a step, a count, and whether the worker dies alone or the whole group.

    The process that comes to the step so many times removes it and dies.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def reached(self, step: str) -> None:
        """Die here, if this is the step."""
        with self._lock:
            try:
                wanted, count, who = self._file.read_text(encoding="utf-8").split()
            except (FileNotFoundError, ValueError):
                return
            if wanted != step:
                return
            if int(count) > 1:
                self._file.write_text(f"{wanted} {int(count) - 1} {who}", encoding="utf-8")
                return
            self._file.unlink()
            if who == "worker":
                os.kill(os.getpid(), signal.SIGKILL)
            os.killpg(0, signal.SIGKILL)


def _writes(table: str, value: str | None = None) -> Callable[[str, frozenset[Any]], bool]:
    """Return whether a statement writes to a table, with a certain value among its parameters."""

    def matches(statement: str, values: frozenset[Any]) -> bool:
        return statement.startswith((f"INSERT INTO {table} ", f"UPDATE {table} ")) and (
            value is None or value in values
        )

    return matches


COMMITS = {
    "inbox": lambda statement, _values: statement.startswith("INSERT INTO inbox "),
    "incident": lambda statement, _values: statement.startswith("INSERT INTO incidents "),
    "step": lambda statement, _values: statement.startswith("INSERT INTO notifications "),
    "claim": _writes("notifications", "sending"),
    "mark": _writes("notifications", "sent"),
    "acknowledgement": _writes("incidents", "investigating"),
}
"""Transactions by a statement that only they hold. ``<name>_committing`` is before the commit, ``_committed`` after."""


def watch_database(database: Database, trap: Trap) -> None:
    """Notice what each transaction holds, and die before or after its commit."""
    engine = database.engine

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.info["steps"] = set()

    @event.listens_for(engine, "before_cursor_execute")
    def look(connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if "alert_episodes" in statement:
            trap.reached("parsed")
        values = frozenset(_flat(parameters))
        connection.info.setdefault("steps", set()).update(
            name for name, matches in COMMITS.items() if matches(statement, values)
        )

    commit = engine.dialect.do_commit

    def do_commit(connection: Any) -> None:
        steps = set(connection.info.get("steps", ()))
        for name in steps:
            trap.reached(f"{name}_committing")
        commit(connection)
        for name in steps:
            trap.reached(f"{name}_committed")

    engine.dialect.do_commit = do_commit  # type: ignore[method-assign, assignment]


def _flat(parameters: Any) -> Iterator[Any]:
    if isinstance(parameters, dict):
        parameters = parameters.values()
    for value in parameters:
        if isinstance(value, (dict, tuple, list)):
            yield from _flat(value)
        elif isinstance(value, str):
            yield value


class WatchedInput:
    """A request's body that says when it has been read whole."""

    def __init__(self, stream: Any, length: int, done: Callable[[], None]) -> None:
        self._stream = stream
        self._left = length
        self._done = done

    def _seen(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left <= 0:
            self._done()
        return data

    def read(self, *size: int) -> bytes:
        return self._seen(self._stream.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._seen(self._stream.readline(*size))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


class WatchedAnswer:
    """An answer that says when the server is done with sending it."""

    def __init__(self, answer: Iterable[bytes], done: Callable[[], None]) -> None:
        self._answer = answer
        self._done = done

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        close = getattr(self._answer, "close", None)
        if close is not None:
            close()
        self._done()


def watch_requests(app: Any, trap: Trap) -> None:
    """Die when a webhook's body has been read, or when its answer has left."""
    serve_request = app.wsgi_app

    def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != WEBHOOK:
            answer: Iterable[bytes] = serve_request(environ, start_response)
            return answer
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = WatchedInput(environ["wsgi.input"], length, lambda: trap.reached("request_read"))
        return WatchedAnswer(serve_request(environ, start_response), lambda: trap.reached("answered"))

    app.wsgi_app = wsgi_app


def watch_provider(urls: frozenset[str], trap: Trap) -> None:
    """Die when a provider has answered and nobody knows it yet."""
    send = requests.Session.send

    def watched(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        answer = send(self, request, **options)
        if request.url in urls:
            trap.reached("provider_answered")
        return answer

    requests.Session.send = watched  # type: ignore[method-assign]


def build(settings: Settings) -> RunningService:
    """Build the receiver as production does, then set the traps."""
    trap = Trap(Path(os.environ["WEDSYNC_FAULTS_TRAP"]))
    receiver = build_receiver(settings)
    watch_database(receiver.database, trap)
    watch_requests(receiver.app, trap)
    watch_provider(
        frozenset(str(url) for one in settings.channels.values() if (url := getattr(one, "url", None))), trap
    )
    return receiver


if __name__ == "__main__":
    sys.exit(serve("webhook_receiver", build, lambda settings: settings.receiver, claim))
