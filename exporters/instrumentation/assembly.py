"""One call makes a Flask service observable."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask
from prometheus_client import CollectorRegistry

from exporters.instrumentation.endpoints import otlp_endpoints
from exporters.instrumentation.exposition import serve_metrics
from exporters.instrumentation.labels import WORKFLOWS, WorkflowName, workflow_name
from exporters.instrumentation.report import Origin
from exporters.instrumentation.reporter import ErrorReporting, Reporter, deliver_over_http
from exporters.instrumentation.series import ServiceSeries, series_of
from exporters.instrumentation.service import Instrumentation, Parts
from exporters.instrumentation.tracing import Tracer, span_provider
from wedsync_core.clock import SystemClock

if TYPE_CHECKING:
    from exporters.instrumentation.otlp import PushedMeasurements

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scraping:
    """How `/metrics` is served: behind a bearer token when `token_file` is given; nowhere when `path` is None."""

    token_file: Path | None = None
    path: str | None = "/metrics"


def instrument(
    app: Flask,
    *,
    service: str,
    registry: CollectorRegistry | None = None,
    regions: Iterable[str] = (),
    workflows: Iterable[WorkflowName] = WORKFLOWS,
    scraping: Scraping | None = None,
    error_reports: ErrorReporting | None = None,
    otlp_endpoint: str | None = None,
) -> Instrumentation:
    """Make a service observable: measured requests, `/metrics`, spans, error reports, and OTLP when configured.

    `registry` is shared by the services of one process. `regions` are the venue regions counted apart, `workflows`
    those whose series stand at zero from the start. `otlp_endpoint` is a base address; None takes the environment's
    (`OTEL_EXPORTER_OTLP_ENDPOINT` and the per-signal variables), "" pushes nothing.
    Raises ValueError for an application that is instrumented already or a workflow that does not exist, and
    `wedsync_core.web.auth.TokenFileInvalid` for a token file of `scraping` that cannot be used.
    """
    scraping = scraping or Scraping()
    registry = registry if registry is not None else CollectorRegistry()
    series = ServiceSeries(series_of(registry), service, regions, [workflow_name(name) for name in workflows])
    origin = Origin(service)
    reporter = None
    if error_reports is not None:
        origin = Origin(service, error_reports.release, error_reports.environment)
        reporter = Reporter(
            deliver_over_http(error_reports),
            series.reported,
            capacity=error_reports.capacity,
            batch=error_reports.batch,
            backoff=error_reports.backoff,
        )
    tracer, pushed = _telemetry(origin, otlp_endpoint, series)
    instrumentation = Instrumentation(Parts(origin, registry, series, tracer, pushed, reporter, SystemClock()))
    instrumentation.attach(app, frozenset({scraping.path} if scraping.path else ()))
    if scraping.path is not None:
        serve_metrics(app, registry, token_file=scraping.token_file, path=scraping.path)
    atexit.register(instrumentation.shutdown)
    return instrumentation


def _telemetry(
    origin: Origin, otlp_endpoint: str | None, series: ServiceSeries
) -> tuple[Tracer, PushedMeasurements | None]:
    endpoints = otlp_endpoints(otlp_endpoint, os.environ)
    for warning in endpoints.warnings:
        _log.warning("%s", warning)
    provider = span_provider(origin)
    pushed = None
    if endpoints.traces is not None or endpoints.metrics is not None:
        # Loaded only when something is pushed: the exporters and protobuf cost memory and start-up time.
        from exporters.instrumentation.otlp import PushedMeasurements, push_traces

        def count(signal: str, sent: bool) -> None:  # noqa: FBT001 - the shape the exporters call
            series.pushed(signal, sent=sent)

        if endpoints.traces is not None:
            push_traces(provider, endpoints.traces, count)
        if endpoints.metrics is not None:
            pushed = PushedMeasurements(origin, endpoints.metrics, count)
    return Tracer(provider), pushed
