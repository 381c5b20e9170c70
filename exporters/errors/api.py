"""The route that takes error reports. It parses, calls once, responds."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from exporters.errors.admission import Admission
from exporters.errors.contract import ErrorReport, Refused, Submission, read_report, read_submission
from exporters.errors.intake import ErrorIntake, Receipt, Taken
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.oversize import trace_of
from exporters.errors.presentation import present_item, present_taken
from exporters.errors.quota import Over, Source
from wedsync_core.clock import Clock
from wedsync_core.jsontext import parse_json
from wedsync_core.problems import Malformed, TooLarge
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.encodings import Oversize, read_inflated
from wedsync_core.web.limits import MIB
from wedsync_core.web.operations import operation
from wedsync_core.web.responses import json_response

LARGEST_BODY = 2 * MIB
"""As sent. A hundred reports with long stack traces; the instrumented services send twenty shorter ones."""
LARGEST_INFLATED = 8 * MIB

_TAKEN_EXAMPLE = {"errorId": "0af7651916cd43dd8448eb211c80319c", "severity": "critical", "alertTriggered": True}


def create_errors_blueprint(
    *, intake: ErrorIntake, admission: Admission, clock: Clock, metrics: ErrorMetrics
) -> Blueprint:
    """Return the routes under ``/api/monitoring/errors``."""
    room = Blueprint("errors", __name__, url_prefix=f"{API}/errors")

    @room.post("")
    @operation(
        'Report an error, or several as {"errors": [...]}', {Role.INGEST}, body=ErrorReport, example=_TAKEN_EXAMPLE
    )
    def submit() -> Response:
        started = clock.monotonic()
        source = Source(Over.TOKEN, caller().name)
        try:
            admission.before_reading(source)
            submission = read_submission(_body(source))
            admission.admit(source, submission.reports)
            return _answer(intake.take(submission))
        finally:
            metrics.seconds.observe(clock.monotonic() - started)

    def _body(source: Source) -> Any:
        try:
            return parse_json(read_inflated(request, wire=LARGEST_BODY, inflated=LARGEST_INFLATED))
        except Oversize as oversize:
            metrics.refused.labels("too_large").inc()
            metrics.oversize.labels("inflated" if oversize.inflated else "body").inc()
            raise _kept_trace(source, oversize) from oversize
        except Malformed:
            metrics.refused.labels("malformed").inc()
            raise

    def _kept_trace(source: Source, oversize: Oversize) -> TooLarge:
        """Keep what the beginning tells: an error that is too large to be reported has happened all the same."""
        trace = read_report(trace_of(oversize.head, oversize.detail))
        admission.admit(source, [trace])
        item = intake.take(Submission([trace], single=True)).items[0]
        kept = f"; a trace of it is kept as {item.error.event_id}" if isinstance(item, Taken) else ""
        return TooLarge(f"{oversize.detail}{kept}")

    return room


def _answer(receipt: Receipt) -> Response:
    """Answer for a single report as the specification does; for a batch, item by item."""
    stored = any(not isinstance(item, Refused) and not item.duplicate for item in receipt.items)
    status = 201 if stored else 200
    if receipt.single:
        item = receipt.items[0]
        if isinstance(item, Refused):
            raise item.problem
        return json_response(present_taken(item), status)
    results = [present_item(index, item) for index, item in enumerate(receipt.items)]
    refused = sum(isinstance(item, Refused) for item in receipt.items)
    # Never 4xx for a batch that could be read: the client would send the good ones again.
    return json_response({"results": results, "recorded": len(results) - refused, "refused": refused}, status)
