"""Run a service under gunicorn: one worker process with threads, since metrics and loops live in one process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from gunicorn.app.base import BaseApplication

SWITCH_SECONDS = 0.0005
"""How long one thread may keep the interpreter from another. A request gives it up at every call of the database and
waited up to 5 ms each time for a loop that was busy: with the default, 25 ms of a post's 30."""


class RunningService(Protocol):
    """What a service's wiring gives the server."""

    @property
    def app(self) -> Any:
        """The WSGI application."""

    def start(self) -> None:
        """Start the loops."""

    def stop(self) -> None:
        """Stop the loops; waits for what is under way."""


class Server(BaseApplication):  # type: ignore[misc] # gunicorn's base class is untyped
    """gunicorn with our settings. The service is built in the worker, after the fork, where its threads stay."""

    def __init__(self, build: Callable[[], RunningService], host: str, port: int, threads: int) -> None:
        self._build = build
        self._bind = f"{host}:{port}"
        self._threads = threads
        self._service: RunningService | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn is to do."""
        settings: dict[str, Any] = {
            "bind": self._bind,
            "workers": 1,
            "threads": self._threads,
            "worker_class": "gthread",
            "timeout": 60,
            "graceful_timeout": 10,
            "keepalive": 30,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "control_socket_disable": True,
            "worker_exit": self._worker_exit,
            # The worker's heartbeat file must not live on a slow disk.
            "worker_tmp_dir": "/dev/shm",  # noqa: S108 -- gunicorn makes a private file in it
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Build the service in the worker and start its loops."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self._service = self._build()
        self._service.start()
        return self._service.app

    def _worker_exit(self, _server: Any, _worker: Any) -> None:
        if self._service is not None:
            self._service.stop()
