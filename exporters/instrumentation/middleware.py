"""What happens around each request: a span, its duration, its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from exporters.instrumentation.labels import METHODS, UNMATCHED, WorkflowName
from exporters.instrumentation.series import ServiceSeries
from exporters.instrumentation.tracing import Span, Tracer
from wedsync_core.clock import Clock

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from exporters.instrumentation.otlp import PushedMeasurements

UNHANDLED: Final = 500


@dataclass
class ObservedRequest:
    """A request under way. `failed_in` holds what escaped from a workflow inside it, for the report."""

    span: Span
    method: str
    path: str
    scheme: str
    started: float
    route: str = UNMATCHED
    status: int = UNHANDLED
    failed_in: list[tuple[BaseException, WorkflowName, str]] = field(default_factory=list)


current_request: ContextVar[ObservedRequest | None] = ContextVar("wedsync_request", default=None)


class RequestMeter:
    """Counts requests in and out, each with its span."""

    def __init__(self, tracer: Tracer, series: ServiceSeries, pushed: PushedMeasurements | None, clock: Clock) -> None:
        self._tracer = tracer
        self._series = series
        self._pushed = pushed
        self._clock = clock

    def begin(self, environ: WSGIEnvironment) -> ObservedRequest:
        """Count a request in. Nothing of the query, the headers or the body is kept."""
        method, path = str(environ["REQUEST_METHOD"]), path_of(environ)
        scheme = str(environ.get("wsgi.url_scheme", "http"))
        shown = method if method in METHODS else "_OTHER"
        attributes = {"http.request.method": shown, "url.path": path, "url.scheme": scheme}
        span = self._tracer.start(shown, "server", attributes, _trace_headers(environ))
        self._series.request_started()
        return ObservedRequest(span, method, path, scheme, self._clock.monotonic())

    def finish(self, request: ObservedRequest) -> None:
        """Count a request out."""
        seconds = self._clock.monotonic() - request.started
        span, route, method = request.span, request.route, request.method
        self._series.request_finished(route, method, request.status, seconds, span.exemplar)
        if self._pushed is not None:
            self._pushed.request_finished(route, method, request.status, seconds, request.scheme, span)
        span.note({"http.response.status_code": request.status})
        if route != UNMATCHED:
            span.name(f"{method if method in METHODS else '_OTHER'} {route}")
            span.note({"http.route": route})
        if request.status >= UNHANDLED:
            span.note({"error.type": str(request.status)})
            span.failed()
        span.end()


class RequestObserver:
    """WSGI middleware. It measures to the last byte of the body, also of one that is streamed or breaks off."""

    def __init__(self, application: WSGIApplication, meter: RequestMeter, unobserved: frozenset[str]) -> None:
        self._application = application
        self._meter = meter
        self._unobserved = unobserved

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if path_of(environ) in self._unobserved:
            return self._application(environ, start_response)
        request = self._meter.begin(environ)

        def observed_start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., Any]:
            request.status = int(status[:3])
            return start_response(status, headers, exc_info)

        token = current_request.set(request)
        try:
            with request.span.active():
                body = self._application(environ, observed_start)
        except BaseException as error:
            request.status = UNHANDLED
            request.span.failed(error)
            self._meter.finish(request)
            raise
        finally:
            current_request.reset(token)
        return _ObservedBody(body, request, self._meter.finish)


class _ObservedBody:
    """The response's body; tells once when it is over, however it ends."""

    def __init__(
        self, body: Iterable[bytes], request: ObservedRequest, finish: Callable[[ObservedRequest], None]
    ) -> None:
        self._body = body
        self._parts: Iterator[bytes] = iter(body)
        self._request = request
        self._finish = finish
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except StopIteration:
            self._end()
            raise
        except BaseException as error:
            # The status line is long gone: the user has half an answer, and a 200 would hide it.
            self._request.status = UNHANDLED
            self._request.span.failed(error)
            self._end()
            raise

    def close(self) -> None:
        """Close the body. Servers call it also when the client went away before the end."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._end()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._finish(self._request)


def path_of(environ: WSGIEnvironment) -> str:
    """Return the path a client asked for inside this application, never the query."""
    # WSGI hands over the bytes of the path as Latin-1 text.
    return str(environ.get("PATH_INFO", "")).encode("latin-1", "replace").decode("utf-8", "replace")


def _trace_headers(environ: WSGIEnvironment) -> dict[str, str]:
    found = {name: environ.get(f"HTTP_{name.upper()}") for name in ("traceparent", "tracestate")}
    return {name: str(value) for name, value in found.items() if value}
