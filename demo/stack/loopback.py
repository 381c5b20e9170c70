"""Ports of this machine's loopback address, and what answers there."""

import fcntl
import functools
import http.client
import os
import random
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

ADDRESS: Final = "127.0.0.1"
# Below the ports that Linux gives to outgoing connections (32768 and up): no such connection takes one in between.
_FIRST, _LAST = 15_000, 30_000
_handed_out: set[int] = set()


def free_port() -> int:
    """Return a port nobody listens on, another one at each call. For tests: a stranger may still take it first.

    Other processes of this user that ask here, as the workers of a parallel test run do, are told others.
    """
    # Tests seed the shared generator, and then all of them would ask for the same ports.
    generator = random.SystemRandom()
    while True:
        port = generator.randrange(_FIRST, _LAST)
        if port not in _handed_out and _claim(port) and not is_taken(port):
            _handed_out.add(port)
            return port


def _claim(port: int) -> bool:
    """Take the port among the processes that ask here; it is given back when this process ends, however it ends."""
    try:
        fcntl.lockf(_register(os.getpid()), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except BlockingIOError:
        return False
    return True


@functools.cache
def _register(_process: int) -> int:
    """Return the open file whose locked bytes are the ports in use. A child has its own: locks are not inherited."""
    return os.open(Path(tempfile.gettempdir()) / f"wedsync-ports-{os.geteuid()}", os.O_RDWR | os.O_CREAT, 0o600)


def is_taken(port: int) -> bool:
    """Return whether a server could not listen on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # As servers do: a connection that has just ended does not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((ADDRESS, port))
        except OSError:
            return True
    return False


def answers(port: int, path: str, headers: Mapping[str, str] | None = None) -> bool:
    """Return whether GET `path` is answered with 200 within a second."""
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=1.0)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def answering(port: int, path: str) -> Callable[[], bool]:
    """Return the question `answers` asks, to be asked later: what `Process.ready` wants."""
    return lambda: answers(port, path)
