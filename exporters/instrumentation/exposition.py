"""`/metrics`: the registry as text or, when the scraper asks for it, as OpenMetrics, which alone carries exemplars."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, request
from prometheus_client import CollectorRegistry

from wedsync_core.problems import Unauthenticated
from wedsync_core.web.auth import Role, Tokens
from wedsync_core.web.exposition import exposition


def serve_metrics(
    app: Flask, registry: CollectorRegistry, *, token_file: Path | None = None, path: str = "/metrics"
) -> None:
    """Add the route. With a token file, only a bearer of one of its lines (one, or two while rotating) is served.

    Raises `wedsync_core.web.auth.TokenFileInvalid` when the file is missing, empty or holds a guessable value.
    """
    tokens = Tokens({Role.VIEWER: token_file}) if token_file is not None else None

    def metrics() -> Response:
        if tokens is not None:
            try:
                tokens.principal_of(request.headers.get("Authorization"))
            except Unauthenticated as refusal:
                return Response(str(refusal) + "\n", 401, refusal.headers, content_type="text/plain; charset=utf-8")
        return exposition(registry, request.headers.get("Accept", ""))

    app.add_url_rule(path, "wedsync_metrics", metrics)
