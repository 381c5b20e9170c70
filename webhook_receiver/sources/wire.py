"""One question to one source over HTTP. Bounded in time and size; whatever is not an answer is SourceUnavailable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from webhook_receiver.sources.contract import SourceRefused, SourceUnavailable
from wedsync_core.jsontext import parse_json
from wedsync_core.problems import Malformed

CONNECT_SECONDS = 1.0
READ_SECONDS = 4.0
"""Between two pieces of an answer. Ten thousand alerts are answered in well under a second."""
LARGEST_ANSWER = 64 * 1024 * 1024
"""Ten thousand alerts are about 8 MiB as Alertmanager answers them."""
_PIECE = 256 * 1024


def ask(
    method: str, url: str, *, params: Mapping[str, str] | None = None, body: Any = None, nothing: bool = False
) -> Any:
    """Return the JSON value that a source answers, or None when ``nothing`` is to be said.

    Raises SourceRefused for a 4xx, which the same question will always get, and SourceUnavailable for all else.
    """
    try:
        with requests.Session() as session:
            # Neither a proxy nor a .netrc of the environment may stand between us and a source.
            session.trust_env = False
            with session.request(
                method,
                url,
                params=params,
                json=body,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = _read(answer)
    except requests.RequestException as error:
        raise SourceUnavailable(f"{_place(url)}: {type(error).__name__}") from error
    if answer.status_code != 200:
        kind = SourceRefused if 400 <= answer.status_code < 500 else SourceUnavailable
        raise kind(f"{_place(url)} answered {answer.status_code}: {content[:200].decode('utf-8', 'replace')}")
    if nothing:
        return None
    try:
        return parse_json(content)
    except Malformed as error:
        raise SourceUnavailable(f"{_place(url)}: {error}") from error


def _read(answer: requests.Response) -> bytes:
    pieces, size = [], 0
    for piece in answer.iter_content(_PIECE):
        size += len(piece)
        if size > LARGEST_ANSWER:
            raise SourceUnavailable(f"{_place(answer.url)}: the answer is larger than {LARGEST_ANSWER} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _place(url: str) -> str:
    """Return a URL without what follows the path: queries are long and say nothing of the trouble."""
    return url.partition("?")[0]
