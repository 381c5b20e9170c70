"""What a running Prometheus answers to the dashboard: for the stories that have the stack running."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from grafana.queries import PanelQuery, queries_of

MAY_BE_EMPTY: Mapping[str, str] = {
    "What is firing (107)": "in a healthy stack nothing fires",
    "annotation Critical alerts": "in a healthy stack nothing critical fires",
    "Page delay (509)": "no page was sent in the last minutes, and a quantile of nothing is left out",
}
"""Panels that rightly have nothing to show in a healthy stack with traffic, each with its reason."""


@dataclass(frozen=True)
class Answer:
    """How many series came back, and what Prometheus had to say about the query."""

    series: int
    complaints: tuple[str, ...]


def ask(prometheus_url: str, expr: str) -> Answer:
    """Return the answer for now. An error of Prometheus is a failed assertion that shows the query."""
    response = requests.post(f"{prometheus_url}/api/v1/query", data={"query": expr}, timeout=10)
    body = response.json()
    assert response.status_code == 200, f"{expr}\n{body}"
    return Answer(len(body["data"]["result"]), (*body.get("warnings", ()), *body.get("infos", ())))


def refused(prometheus_url: str, dashboard: Mapping[str, Any]) -> list[str]:
    """Return the queries that Prometheus answers with a warning; one it cannot answer fails at once."""
    answers = [(query, ask(prometheus_url, query.expr)) for query in queries_of(dashboard)]
    return [f"{query.panel} {query.ref}: {answer.complaints}" for query, answer in answers if answer.complaints]


def unanswered(prometheus_url: str, dashboard: Mapping[str, Any]) -> list[PanelQuery]:
    """Return the queries without a single series, except those that may be empty."""
    return [
        query
        for query in queries_of(dashboard)
        if query.panel not in MAY_BE_EMPTY and ask(prometheus_url, query.expr).series == 0
    ]
