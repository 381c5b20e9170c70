"""The Flask application both services are built on: deny by default, problems for errors, the watch routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Info
from werkzeug.exceptions import HTTPException

from wedsync_core import __version__
from wedsync_core.problems import Forbidden, Malformed, NotFound, Problem, Unauthenticated, Unavailable
from wedsync_core.telemetry.logs import get_log
from wedsync_core.web.auth import Principal, Role, Tokens, require_role
from wedsync_core.web.exposition import exposition
from wedsync_core.web.operations import describe, operation, operation_of
from wedsync_core.web.responses import json_response, problem_response

API = "/api/monitoring"
ReadyCheck = Callable[[], None]
"""Raises Unavailable, with a reason, while the service cannot do its job."""


def create_service(
    name: str,
    *,
    tokens: Tokens,
    registry: CollectorRegistry,
    blueprints: Iterable[Blueprint],
    ready: ReadyCheck,
) -> Flask:
    """Return an application serving ``blueprints`` and the watch routes of DESIGN 4.2.

    Raises LookupError when a route declares no operation.
    """
    app = Flask(name, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined] # the default provider has it
    requests_total = Counter(
        "wedsync_http_requests_total", "Requests by operation.", ["operation", "status"], registry=registry
    )
    refused = Counter("wedsync_access_refused_total", "401 and 403 answers.", ["reason"], registry=registry)
    for reason in ("missing", "unknown", "role"):
        refused.labels(reason)
    Info("wedsync_build", "What runs.", registry=registry).info({"version": __version__, "service": name})

    app.register_blueprint(_watch_routes(name, app, registry, ready))
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    for rule in app.url_map.iter_rules():
        operation_of(app, rule.endpoint)

    @app.before_request
    def admit() -> None:
        """Let nobody in whom the operation does not name."""
        if request.endpoint is None:
            return  # no such route: the 404 or 405 handler answers
        allowed = operation_of(app, request.endpoint).roles
        if not allowed:
            return
        try:
            principal = tokens.principal_of(request.headers.get("Authorization"))
            require_role(principal, allowed)
        except Unauthenticated:
            refused.labels("unknown" if "Authorization" in request.headers else "missing").inc()
            raise
        except Forbidden:
            refused.labels("role").inc()
            raise
        g.principal = principal

    @app.after_request
    def finish(response: Response) -> Response:
        """Count the answer and forbid browsers to guess or keep it."""
        requests_total.labels(request.endpoint or "unmatched", str(response.status_code)).inc()
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.register_error_handler(Problem, problem_response)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unforeseen)
    return app


def caller() -> Principal:
    """Return who makes the present request; only meaningful behind an operation with roles."""
    principal: Principal = g.principal
    return principal


def _watch_routes(name: str, app: Flask, registry: CollectorRegistry, ready: ReadyCheck) -> Blueprint:
    watch = Blueprint("watch", __name__)

    @watch.get("/healthz")
    @operation("Alive: the process answers", set(), example={"status": "ok"})
    def healthz() -> Response:
        return json_response({"status": "ok"})

    @watch.get("/readyz")
    @operation("Ready: it can do its job now", set(), example={"status": "ready"})
    def readyz() -> Response:
        ready()
        return json_response({"status": "ready"})

    @watch.get("/metrics")
    @operation("Metrics for Prometheus (text or OpenMetrics)", {Role.VIEWER})
    def metrics() -> Response:
        return exposition(registry, request.headers.get("Accept", ""))

    @watch.get(f"{API}/openapi.json")
    @operation("This API as an OpenAPI document", {Role.VIEWER, Role.INGEST})
    def openapi() -> Response:
        return json_response(describe(app, f"WedSync Monitoring: {name}", __version__))

    @watch.get(f"{API}/docs")
    @operation("This API as a page", {Role.VIEWER, Role.INGEST})
    def docs() -> Response:
        page = _page(describe(app, f"WedSync Monitoring: {name}", __version__))
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        return Response(page, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": policy})

    return watch


def _page(document: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{method.upper()}</td><td><code>{escape(path)}</code></td><td>{escape(described['summary'])}</td>"
        f"<td>{escape(', '.join(described['x-roles']) or 'anyone')}</td></tr>"
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    )
    title = escape(document["info"]["title"])
    style = (
        ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;"
        "padding:0 1rem}td,th{text-align:left;padding:.3rem .8rem .3rem 0;vertical-align:top}"
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><style>{style}</style><h1>{title}</h1>"
        f"<p>The whole document, with fields and examples, is <code>{API}/openapi.json</code>.</p>"
        f"<table><tr><th>Method<th>Path<th>What it does<th>Roles</tr>{rows}</table></html>"
    )


def _http_exception(error: HTTPException) -> Response:
    """Dress the framework's own refusals (404, 405, a broken transfer) as problem documents."""
    if error.code == 404:
        return problem_response(NotFound(f"there is nothing at {request.path}"))
    problem: Problem = Malformed(error.description or error.name)
    problem.status, problem.title = error.code or 500, error.name
    response = problem_response(problem)
    for header, value in error.get_headers():
        if header.lower() not in {"content-type", "content-length"}:
            response.headers.setdefault(header, value)
    return response


def _unforeseen(error: Exception) -> Response:
    """Answer for a fault of ours: logged whole here, once; the client learns only that it was us."""
    get_log("web").error("request_failed", endpoint=request.endpoint, exc_info=error)
    problem = Unavailable("the service failed to answer this; the failure has been recorded")
    problem.status, problem.title = 500, "Internal error"
    return problem_response(problem)
