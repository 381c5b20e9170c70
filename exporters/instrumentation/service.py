"""What a service holds once it is instrumented: its workflows, its third parties, its reports."""

from __future__ import annotations

import atexit
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Flask, got_request_exception, request, request_started
from prometheus_client import CollectorRegistry

from exporters.instrumentation.labels import OTHER, UNMATCHED, WorkflowName, workflow_name
from exporters.instrumentation.measured import Attempt, Call, Measured, outcome_of
from exporters.instrumentation.middleware import RequestMeter, RequestObserver, current_request
from exporters.instrumentation.report import Circumstances, Level, Origin, ReportType, build_report, causes, level_of
from exporters.instrumentation.reporter import Reporter
from exporters.instrumentation.series import ServiceSeries
from exporters.instrumentation.tracing import Tracer, current_trace_id, outgoing_headers
from wedsync_core.clock import Clock

if TYPE_CHECKING:
    from exporters.instrumentation.otlp import PushedMeasurements

_EXTENSION = "wedsync_instrumentation"
_attempt: ContextVar[Attempt | None] = ContextVar("wedsync_attempt", default=None)


@dataclass(frozen=True)
class Parts:
    """What an instrumentation works with."""

    origin: Origin
    registry: CollectorRegistry
    series: ServiceSeries
    tracer: Tracer
    pushed: PushedMeasurements | None
    reporter: Reporter | None
    clock: Clock


class Instrumentation:
    """What a service holds after `instrument`: its workflows, its third parties, its reports."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._routes_expected = False

    @property
    def registry(self) -> CollectorRegistry:
        """Where the service's own series belong too."""
        return self._parts.registry

    def workflow(self, name: WorkflowName, *, region: str | None = None) -> Measured[Attempt]:
        """Measure an attempt at a wedding workflow: `with instrumentation.workflow("payment", region=...) as attempt`.

        `region` is the venue's, as the client named it: one the service does not know counts as `other`. Also a
        decorator. Raises ValueError for a name that is no workflow.
        """
        return Measured(partial(self._attempt, workflow_name(name), region))

    def lost(self, name: WorkflowName, count: int = 1, *, region: str | None = None) -> None:
        """Count things that a user was told are safe and that are gone: found by a check, long after the attempt."""
        self._lost(workflow_name(name), self._parts.series.region(region), count)

    def dependency(self, name: str) -> Measured[Call]:
        """Measure a call to a third party: `with instrumentation.dependency("payment_provider") as call`.

        The name's series exist from here on: call this once when the application is made, so that the first failure
        is seen. At most 50 names are counted apart.
        """
        return Measured(partial(self._call, self._parts.series.dependency(name)))

    def report(
        self,
        error: BaseException,
        *,
        kind: ReportType | None = None,
        level: Level | None = None,
        affects: Iterable[WorkflowName] | None = None,
        region: str | None = None,
        user_context: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Report an error that was handled; returns the report's event id. Never waits, never raises for the network.

        What is not given is taken from where it happened: the workflow under way or just left by this error, its
        region, the request, the active trace; without a workflow the kind is `error`, inside one `service_failure`.
        """
        event_id = uuid.uuid4().hex
        reporter = self._parts.reporter
        if reporter is None:
            return event_id
        if not reporter.has_room():
            reporter.drop()
            return event_id
        workflow, its_region = self._where(error)
        where = self._parts.series.region(region) if region is not None else its_region
        observed = current_request.get()
        circumstances = Circumstances(
            type=kind or ("service_failure" if workflow else "error"),
            level=level or level_of(error),
            affects=tuple(affects) if affects is not None else (workflow,) if workflow else (),
            region=None if where == OTHER else where,
            route=observed.route if observed and observed.route != UNMATCHED else None,
            method=observed.method if observed else None,
            path=observed.path if observed else None,
            trace_id=current_trace_id(),
            user_context=user_context or {},
            tags=tags or {},
        )
        reporter.offer(
            build_report(error, self._parts.origin, circumstances, event_id=event_id, at=self._parts.clock.now())
        )
        return event_id

    def shutdown(self, timeout: float = 3.0) -> None:
        """Send what waits and stop, within about `timeout` seconds even when nobody takes it. Safe to call twice."""
        atexit.unregister(self.shutdown)
        parts = self._parts
        closers: list[Callable[[], None]] = [parts.tracer.close]
        if parts.pushed is not None:
            closers.append(partial(parts.pushed.close, timeout))
        if parts.reporter is not None:
            closers.append(partial(parts.reporter.close, timeout))
        _close_within(timeout, closers, parts.clock)

    def attach(self, app: Flask, unobserved: frozenset[str]) -> None:
        """Observe every request of the application but those to the `unobserved` paths.

        Raises ValueError for an application that is instrumented already.
        """
        if _EXTENSION in app.extensions:
            raise ValueError(f"{app.name} is instrumented already")
        app.extensions[_EXTENSION] = self
        parts = self._parts
        meter = RequestMeter(parts.tracer, parts.series, parts.pushed, parts.clock)
        app.wsgi_app = RequestObserver(app.wsgi_app, meter, unobserved)  # type: ignore[method-assign] # Flask's own way
        request_started.connect(self._matched, app)
        got_request_exception.connect(self._unhandled, app)

    @contextmanager
    def _attempt(self, workflow: WorkflowName, region: str | None) -> Iterator[Attempt]:
        parts = self._parts
        known = parts.series.region(region)
        attempt = Attempt(workflow, known, partial(self._lost, workflow, known))
        started = parts.clock.monotonic()
        error: BaseException | None = None
        token = _attempt.set(attempt)
        with parts.tracer.span(workflow, "internal", {"wedsync.workflow": workflow, "wedsync.region": known}) as span:
            try:
                yield attempt
            except BaseException as raised:
                error = raised
                observed = current_request.get()
                if observed is not None:
                    observed.failed_in.append((raised, workflow, known))
                raise
            finally:
                _attempt.reset(token)
                outcome = outcome_of(attempt.outcome, error)
                if outcome is not None:
                    seconds = parts.clock.monotonic() - started
                    parts.series.attempted(workflow, known, outcome, seconds, span.exemplar)
                    if parts.pushed is not None:
                        parts.pushed.attempted(workflow, known, outcome, seconds, span)
                if outcome == "failure":
                    span.failed()

    @contextmanager
    def _call(self, dependency: str) -> Iterator[Call]:
        parts = self._parts
        started = parts.clock.monotonic()
        error: BaseException | None = None
        with parts.tracer.span(dependency, "client", {"wedsync.dependency": dependency}) as span:
            call = Call(outgoing_headers())
            try:
                yield call
            except BaseException as raised:
                error = raised
                raise
            finally:
                outcome = call.outcome or ("success" if error is None else "failure")
                parts.series.called(dependency, outcome)
                if parts.pushed is not None:
                    parts.pushed.called(dependency, outcome, parts.clock.monotonic() - started, span)
                if outcome == "failure":
                    span.failed()

    def _lost(self, workflow: WorkflowName, region: str, count: int) -> None:
        self._parts.series.lost(workflow, region, count)
        if self._parts.pushed is not None:
            self._parts.pushed.lost(workflow, region, count)

    def _where(self, error: BaseException) -> tuple[WorkflowName | None, str | None]:
        """Return the workflow an error belongs to and its region: the one under way, or the one it escaped from."""
        attempt = _attempt.get()
        if attempt is not None:
            return attempt.workflow, attempt.region
        observed = current_request.get()
        chain = [id(cause) for cause in causes(error)]
        for escaped, workflow, region in reversed(observed.failed_in if observed else []):
            if id(escaped) in chain:
                return workflow, region
        return None, None

    def _matched(self, app: Flask, **_: Any) -> None:
        observed = current_request.get()
        if observed is not None and request.url_rule is not None:
            observed.route = request.url_rule.rule
        if not self._routes_expected:
            self._routes_expected = True
            rules = app.url_map.iter_rules()
            self._parts.series.expect_routes(
                (rule.rule, rule.methods or ()) for rule in rules if rule.endpoint != "wedsync_metrics"
            )

    def _unhandled(self, _app: Flask, exception: BaseException, **_: Any) -> None:
        self.report(exception)


def _close_within(timeout: float, closers: Iterable[Callable[[], None]], clock: Clock) -> None:
    """Run the closers side by side; one that is not done in time is left behind. An OTLP export retries for 10 s."""
    until = clock.monotonic() + timeout
    started: list[threading.Thread] = []
    for closer in closers:
        thread = threading.Thread(target=closer, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # From 3.12 on, Python starts no thread once the interpreter is going down.
            closer()
        else:
            started.append(thread)
    for thread in started:
        thread.join(max(0.0, until - clock.monotonic()) + 0.5)
