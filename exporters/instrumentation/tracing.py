"""Spans, behind types of our own. They exist with or without an OTLP endpoint, so that exemplars always have an id."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from exporters.instrumentation.report import Origin

Attributes = Mapping[str, str | int | float | bool]

_KINDS = {"server": trace.SpanKind.SERVER, "client": trace.SpanKind.CLIENT, "internal": trace.SpanKind.INTERNAL}
_propagator = TraceContextTextMapPropagator()


def resource_of(origin: Origin) -> Resource:
    """Return who speaks. The instance is the host and process: a random one would make new series at each start."""
    attributes = {
        "service.name": origin.service,
        "service.namespace": "wedsync",
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
        "service.version": origin.release,
        "deployment.environment.name": origin.environment,
    }
    return Resource.create({name: value for name, value in attributes.items() if value})


def span_provider(origin: Origin) -> TracerProvider:
    """Return what makes the spans. It is not made the process's own: several services may live in one process."""
    return TracerProvider(resource=resource_of(origin), shutdown_on_exit=False)


class Span:
    """One span; ended exactly once."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    @property
    def exemplar(self) -> dict[str, str] | None:
        """The labels of an exemplar, or None if the span is not recorded: it would point at nothing."""
        span = self._span.get_span_context()
        if not (span.is_valid and span.trace_flags.sampled):
            return None
        return {"trace_id": trace.format_trace_id(span.trace_id), "span_id": trace.format_span_id(span.span_id)}

    @property
    def context(self) -> Context:
        """The context with this span in it, for measurements taken after it is no longer the active one."""
        return trace.set_span_in_context(self._span)

    def name(self, name: str) -> None:
        """Rename it: the route is known only after the request was matched."""
        self._span.update_name(name)

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""
        self._span.set_attributes(dict(attributes))

    def failed(self, error: BaseException | None = None) -> None:
        """Mark it as failed, with the exception if there is one."""
        if error is not None:
            self._span.record_exception(error)
        self._span.set_status(trace.Status(trace.StatusCode.ERROR))

    def end(self) -> None:
        """End it."""
        self._span.end()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make it the current span of this thread while the block runs."""
        token = context.attach(self.context)
        try:
            yield
        finally:
            context.detach(token)


class Tracer:
    """Starts spans of one service."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("exporters.instrumentation")

    def close(self) -> None:
        """Export the spans that wait, if they are exported at all, and stop."""
        self._provider.shutdown()

    def start(
        self,
        name: str,
        kind: Literal["server", "client", "internal"],
        attributes: Attributes,
        incoming: Mapping[str, str] | None = None,
    ) -> Span:
        """Start a span, a child of the one in `incoming` (lower-case header names) or else of the current one."""
        parent = _propagator.extract(dict(incoming)) if incoming else None
        started = self._tracer.start_span(name, context=parent, kind=_KINDS[kind], attributes=dict(attributes))
        return Span(started)

    @contextmanager
    def span(self, name: str, kind: Literal["client", "internal"], attributes: Attributes) -> Iterator[Span]:
        """Run a block inside a span; an exception marks it failed and goes on."""
        span = self.start(name, kind, attributes)
        try:
            with span.active():
                yield span
        except BaseException as error:
            span.failed(error)
            raise
        finally:
            span.end()


def current_trace_id() -> str | None:
    """Return the active span's trace id, 32 hex digits, or None outside any span."""
    span = trace.get_current_span().get_span_context()
    return trace.format_trace_id(span.trace_id) if span.is_valid else None


def outgoing_headers() -> dict[str, str]:
    """Return the headers that make the called side part of the active trace."""
    headers: dict[str, str] = {}
    _propagator.inject(headers)
    return headers
