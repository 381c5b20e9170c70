"""Ports of this machine's loopback address, and what answers there."""

import http.client
import random
import socket
from collections.abc import Callable, Mapping
from typing import Final

ADDRESS: Final = "127.0.0.1"
# Below the ports that Linux gives to outgoing connections (32768 and up): no such connection takes one in between.
_FIRST, _LAST = 15_000, 30_000
_handed_out: set[int] = set()


def free_port() -> int:
    """Return a port nobody listens on, another one at each call. For tests: a stranger may still take it first."""
    # Tests seed the shared generator, and then all of them would ask for the same ports.
    generator = random.SystemRandom()
    while True:
        port = generator.randrange(_FIRST, _LAST)
        if port not in _handed_out and not is_taken(port):
            _handed_out.add(port)
            return port


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
