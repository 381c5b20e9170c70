"""The wedding list's bytes, from a file or over HTTP: bounded in size and time, and from no other host than named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3

from wedsync_core.clock import Clock
from wedsync_core.weddings.contract import MOST_BYTES

CONNECT_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 10.0
"""Longest wait for the next bytes."""
TOTAL_SECONDS: Final = 60.0
"""Longest download altogether: a server that sends a byte now and then is never silent."""
MOST_REDIRECTS: Final = 3

_CHUNK: Final = 64 * 1024
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Fetched:
    """A document as it arrived. `content_type` is the server's word, None for a file."""

    body: bytes
    content_type: str | None = None


class FetchFailed(Exception):
    """The document could not be had. Messages name hosts, never whole addresses: a private calendar's is a secret."""

    def __init__(self, reason: str, *, retry_helps: bool) -> None:
        super().__init__(reason)
        self.retry_helps = retry_helps


Fetch = Callable[[str], Fetched]
"""Returns the document at a path or URL; raises FetchFailed."""


def is_url(location: str) -> bool:
    """Whether the location names a server and not a file."""
    return "://" in location


class Download:
    """Reads a path, or an http or https URL. Made for one thread at a time; it may block for TOTAL_SECONDS."""

    def __init__(
        self, clock: Clock, *, connect_seconds: float = CONNECT_SECONDS, silence_seconds: float = SILENCE_SECONDS
    ) -> None:
        self._clock = clock
        self._timeout = (connect_seconds, silence_seconds)

    def __call__(self, location: str) -> Fetched:
        """Return the document; raises FetchFailed."""
        if not is_url(location):
            return _read_file(Path(location))
        try:
            return self._get(location)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            # ValueError: what requests and urllib3 raise for an address that is none.
            retry_helps = not isinstance(error, ValueError)
            raise FetchFailed(f"{_host(location)}: {type(error).__name__}", retry_helps=retry_helps) from error

    def _get(self, url: str) -> Fetched:
        deadline = self._clock.monotonic() + TOTAL_SECONDS
        # A compressed answer of 200 kB may unfold to 200 MB: none is asked for, none is taken.
        headers = {"Accept": "text/csv, text/calendar, application/json", "Accept-Encoding": "identity"}
        with requests.Session() as session:
            for _ in range(MOST_REDIRECTS + 1):
                if urlsplit(url).scheme not in _PORTS:
                    raise FetchFailed("only http and https addresses are read", retry_helps=False)
                with session.get(
                    url, headers=headers, timeout=self._timeout, stream=True, allow_redirects=False
                ) as answer:
                    if answer.is_redirect:
                        url = _followed(url, answer.headers["Location"])
                        continue
                    _require_plain_success(answer, _host(url))
                    return Fetched(self._body(answer, deadline, _host(url)), answer.headers.get("Content-Type"))
        raise FetchFailed(f"{_host(url)}: more than {MOST_REDIRECTS} redirects", retry_helps=False)

    def _body(self, answer: requests.Response, deadline: float, host: str) -> bytes:
        received = bytearray()
        # read1 returns what one wait brought: a full read would let a dripping server outlast the deadline unseen.
        while chunk := answer.raw.read1(_CHUNK):
            received += chunk
            if len(received) > MOST_BYTES:
                raise FetchFailed(f"{host}: the document has more than {MOST_BYTES} bytes", retry_helps=False)
            if self._clock.monotonic() > deadline:
                raise FetchFailed(f"{host}: the document took more than {TOTAL_SECONDS:.0f} s", retry_helps=True)
        return bytes(received)


def _require_plain_success(answer: requests.Response, host: str) -> None:
    if answer.status_code != 200:
        # A 4xx is ours to mend, except the two that only ask for patience.
        retry_helps = answer.status_code >= 500 or answer.status_code in {408, 429}
        raise FetchFailed(f"{host}: answered {answer.status_code}", retry_helps=retry_helps)
    encoding = answer.headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise FetchFailed(
            f"{host}: answered with {encoding[:32]!r} encoding, which was not asked for", retry_helps=False
        )


def _followed(url: str, location: str) -> str:
    """Return the redirect's target; raises FetchFailed when it leaves the server that the operator named."""
    target = urljoin(url, location)
    if _server(urlsplit(target)) != _server(urlsplit(url)):
        raise FetchFailed(f"{_host(url)}: redirects to another server, {_host(target)}", retry_helps=False)
    return target


def _server(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "no host")[:100]
    except ValueError:
        return "no host"


def _read_file(path: Path) -> Fetched:
    try:
        if not path.is_file():
            raise FetchFailed(f"{path.name}: there is no such file", retry_helps=True)
        with path.open("rb") as file:
            body = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise FetchFailed(f"{path.name}: {error.strerror or type(error).__name__}", retry_helps=True) from error
    if len(body) > MOST_BYTES:
        raise FetchFailed(f"{path.name}: the document has more than {MOST_BYTES} bytes", retry_helps=False)
    return Fetched(body)
