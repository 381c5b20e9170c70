"""One HTTP call to an endpoint of ``wedsync.yml``: bounded in time and size, redirected nowhere."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests

from webhook_receiver.runbooks.actions.result import Result, told
from wedsync_core.clock import Clock
from wedsync_core.settings.runbooks import EndpointSettings

CONNECT_SECONDS = 3.0
LARGEST_ANSWER = 64 * 1024
"""Bytes that are read; what follows is of no interest."""
_PIECE = 4096


def call(planned: dict[str, Any], endpoint: EndpointSettings, clock: Clock) -> Result:
    """Make the call. ``planned`` has ``method``, ``url``, ``query`` and ``body``."""
    if not _inside(planned["url"], endpoint.base):
        return Result("failed", "outside_of_endpoint")
    until = clock.monotonic() + endpoint.timeout.total_seconds()
    try:
        headers = _headers(endpoint)
        with requests.Session() as session:
            # Neither a proxy nor a .netrc of the environment may stand between us and the endpoint.
            session.trust_env = False
            with session.request(
                planned["method"],
                planned["url"],
                params=planned["query"] or None,
                json=planned["body"],
                headers=headers,
                timeout=(CONNECT_SECONDS, endpoint.timeout.total_seconds()),
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = _read(answer, until, clock)
    except requests.RequestException as error:
        return Result("failed", "no_answer", type(error).__name__)
    except (OSError, IndexError) as error:
        return Result("failed", "token_not_readable", type(error).__name__)
    facts = {"status": answer.status_code}
    if content is None:
        return Result("failed", "answer_too_slow", "", facts)
    reason = "answered" if answer.status_code in endpoint.expect else "unexpected_status"
    outcome: Any = "done" if reason == "answered" else "failed"
    return Result(outcome, reason, told(content.decode("utf-8", "replace")), facts)


def _inside(url: str, base: str) -> bool:
    """Whether a URL still leads to the endpoint's own host: whatever was put into it."""
    made, named = urlsplit(url), urlsplit(base)
    return (made.scheme, made.netloc) == (named.scheme, named.netloc) and ".." not in made.path.split("/")


def _headers(endpoint: EndpointSettings) -> dict[str, str]:
    if endpoint.token_file is None:
        return {}
    return {"Authorization": f"Bearer {endpoint.token_file.read_text(encoding='utf-8').split()[0]}"}


def _read(answer: requests.Response, until: float, clock: Clock) -> bytes | None:
    """Return what is answered, cut; None when it takes too long."""
    pieces, size = [], 0
    for piece in answer.iter_content(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if clock.monotonic() > until:
            return None
        if size >= LARGEST_ANSWER:
            break
    return b"".join(pieces)[:LARGEST_ANSWER]
