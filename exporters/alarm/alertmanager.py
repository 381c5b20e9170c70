"""The wire to Alertmanager: one POST of alarms, and what its answer means. The exporters' only outgoing HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from exporters.alarm.decision import Outcome

PATH = "/api/v2/alerts"
CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0
"""An alarm raised meanwhile waits this long at most for an Alertmanager that hangs; a cut post is simply repeated."""


@dataclass(frozen=True)
class Answer:
    """What one Alertmanager made of a post. `problem` is for the log and the row; empty when it was accepted."""

    outcome: Outcome
    problem: str = ""


Post = Callable[[str, Sequence[dict[str, Any]]], Answer]
"""Posts alarms to the Alertmanager at a base address; trouble is an answer, never an exception."""


def post_over_http() -> Post:
    """Return what posts alarms over HTTP, with kept connections; safe to call from several threads, one a URL."""
    sessions: dict[str, requests.Session] = {}

    def post(url: str, alarms: Sequence[dict[str, Any]]) -> Answer:
        session = sessions.get(url)
        if session is None:
            session = sessions[url] = requests.Session()
            # Neither a proxy nor a .netrc of the environment may come between an alarm and Alertmanager.
            session.trust_env = False
        try:
            answer = session.post(
                url.rstrip("/") + PATH,
                data=json.dumps(list(alarms)).encode(),
                headers={"Content-Type": "application/json"},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return Answer(Outcome.UNREACHABLE, type(error).__name__)
        return Answer(outcome_of(answer.status_code), "" if answer.ok else f"{answer.status_code}: {answer.text[:300]}")

    return post


def outcome_of(status: int) -> Outcome:
    """Return what a status says of the alarms posted. Pure.

    400 and 422 are about their content, 413 about their number. Every other refusal (a proxy's 403, a 404 while a
    path is being mended) says nothing of the alarms and may pass.
    """
    if 200 <= status < 300:
        return Outcome.ACCEPTED
    return Outcome.REFUSED if status in {400, 413, 422} else Outcome.UNREACHABLE
