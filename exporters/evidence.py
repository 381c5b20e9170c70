"""Asks Prometheus what has been seen to work: the exporters' only question to anyone.

Prometheus already keeps the requests and workflow attempts of every service; they are not kept a second time here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import requests

from wedsync_core.jsontext import parse_json
from wedsync_core.problems import Malformed

CONNECT_SECONDS = 1.0
READ_SECONDS = 4.0
LARGEST_ANSWER = 8 * 1024 * 1024
"""Ten thousand routes are about 1 MiB."""

Series = list[tuple[dict[str, str], float]]
Ask = Callable[[str], Series]
"""Answers an instant query with the labels and value of each series. Raises EvidenceUnavailable."""


class EvidenceUnavailable(Exception):
    """Prometheus cannot be asked now, or what it says is no answer."""


def workflows_query(span: timedelta) -> str:
    """Return the question for successful attempts by workflow and region."""
    return (
        f'sum by (workflow, region) (increase(wedsync_workflow_attempts_total{{outcome="success"}}[{_seconds(span)}]))'
    )


def routes_query(span: timedelta) -> str:
    """Return the question for successful requests by service and route."""
    series = f'wedsync_http_request_duration_seconds_count{{status=~"2xx|3xx"}}[{_seconds(span)}]'
    return f"sum by (service, route) (increase({series}))"


def ask_over_http(url: str) -> Ask:
    """Return what asks the Prometheus at a base address."""
    address = url.rstrip("/") + "/api/v1/query"

    def ask(query: str) -> Series:
        try:
            with requests.Session() as session:
                # Neither a proxy nor a .netrc of the environment may stand between us and Prometheus.
                session.trust_env = False
                answer = session.get(
                    address,
                    params={"query": query},
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    allow_redirects=False,
                    stream=True,
                )
                content = answer.raw.read(LARGEST_ANSWER + 1, decode_content=True)
        except (requests.RequestException, OSError) as error:
            raise EvidenceUnavailable(type(error).__name__) from error
        if answer.status_code != 200 or len(content) > LARGEST_ANSWER:
            raise EvidenceUnavailable(f"answered {answer.status_code} with {len(content)} bytes")
        return read_answer(content)

    return ask


def read_answer(content: bytes) -> Series:
    """Return the series of an instant query's answer; raises EvidenceUnavailable for anything else."""
    try:
        answer = parse_json(content)
        if answer["status"] != "success" or answer["data"]["resultType"] != "vector":
            raise EvidenceUnavailable("not an answer to an instant query")
        return [_one(series) for series in answer["data"]["result"]]
    except (Malformed, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise EvidenceUnavailable("not an answer to an instant query") from error


def _one(series: Any) -> tuple[dict[str, str], float]:
    labels = {str(name): str(value) for name, value in series["metric"].items()}
    return labels, float(series["value"][1])


def _seconds(span: timedelta) -> str:
    return f"{int(span.total_seconds())}s"
