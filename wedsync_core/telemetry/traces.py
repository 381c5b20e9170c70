"""Traces of our own services: on only when an OTLP endpoint is configured, loaded only then."""

from __future__ import annotations

from flask import Flask


def trace_service(app: Flask, service: str, endpoint: str | None) -> None:
    """Export a span per request of ``app`` to ``<endpoint>/v1/traces``; does nothing without an endpoint."""
    if not endpoint:
        return
    # Imported here: the SDK costs about 20 MiB that a service without traces need not hold.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    FlaskInstrumentor().instrument_app(app, tracer_provider=provider)
