"""The routes of errors. Each parses, calls once, responds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request

from exporters.errors.contract import ErrorReport, Refused
from exporters.errors.intake import ErrorIntake, Receipt
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.presentation import (
    present_item,
    present_taken,
)
from wedsync_core.clock import Clock
from wedsync_core.problems import Malformed, TooLarge
from wedsync_core.web.application import API
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import MIB, read_json
from wedsync_core.web.operations import operation
from wedsync_core.web.responses import json_response

LARGEST_BODY = 2 * MIB
"""A hundred reports with long stack traces; the instrumented services send twenty shorter ones."""
LONGEST_RANGE = timedelta(days=366)
MOST_KEYS = 100
PAGE = 50
LARGEST_PAGE = 200

_TAKEN_EXAMPLE = {"errorId": "0af7651916cd43dd8448eb211c80319c", "severity": "critical", "alertTriggered": True}


def create_errors_blueprint(*, intake: ErrorIntake, clock: Clock, metrics: ErrorMetrics) -> Blueprint:
    """Return the routes under ``/api/monitoring/errors``."""
    room = Blueprint("errors", __name__, url_prefix=f"{API}/errors")

    @room.post("")
    @operation(
        'Report an error, or several as {"errors": [...]}', {Role.INGEST}, body=ErrorReport, example=_TAKEN_EXAMPLE
    )
    def submit() -> Response:
        started = clock.monotonic()
        try:
            receipt = intake.take(_body(metrics))
        finally:
            metrics.seconds.observe(clock.monotonic() - started)
        return _answer(receipt)

    return room


def _body(metrics: ErrorMetrics) -> Any:
    try:
        return read_json(request, LARGEST_BODY)
    except TooLarge:
        metrics.refused.labels("too_large").inc()
        raise
    except Malformed:
        metrics.refused.labels("malformed").inc()
        raise


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
