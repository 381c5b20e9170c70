"""Whether the process in this container does its job: exit status 0 or 1, and a line that says why not.

    probe.py http://127.0.0.1:8081/readyz    it answers 200
    probe.py connected 8083                  it has a connection open to that port, for a process that serves nothing

Standard library only, and run as a file: it must work while everything else does not.
"""

import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_SECONDS: Final = 3.0
_ESTABLISHED: Final = "01"
_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


def why_not_answering(url: str) -> str | None:
    """Return why the address does not answer 200, or None if it does. No proxy is asked, whatever is configured."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        told = answer.read(500).decode(errors="replace")
    except (OSError, HTTPException) as error:
        return f"{url} does not answer: {error}"
    finally:
        connection.close()
    return None if answer.status == 200 else f"{url} answers {answer.status}: {told}"


def why_not_connected(port: int, tables: tuple[Path, ...] = _TABLES) -> str | None:
    """Return why there is no established connection to the remote port, or None if there is one.

    The tables are the kernel's: a line has the local and the remote address as hexadecimal `address:port`, and a state.
    """
    for table in tables:
        for line in table.read_text(encoding="ascii").splitlines()[1:] if table.exists() else ():
            _, _, remote, state = line.split()[:4]
            if state == _ESTABLISHED and int(remote.rpartition(":")[2], 16) == port:
                return None
    return f"no connection to port {port} is open"


def main(arguments: list[str]) -> int:
    """Return 0 if all is well."""
    match arguments:
        case ["connected", port] if port.isdecimal():
            trouble = why_not_connected(int(port))
        case [url] if url.startswith("http://"):
            trouble = why_not_answering(url)
        case _:
            trouble = "usage: probe.py http://HOST:PORT/PATH | probe.py connected PORT"
    if trouble:
        sys.stderr.write(trouble + "\n")
    return int(trouble is not None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
