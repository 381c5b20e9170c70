"""The webhook. Alertmanager retries a 5xx at once and gives a 4xx up until its next interval, so none is sent to it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from webhook_receiver.alerts.intake import AlertIntake
from webhook_receiver.alerts.metrics import AlertMetrics
from wedsync_core.problems import TooLarge, Unavailable
from wedsync_core.web.application import API
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import MIB, read_bytes
from wedsync_core.web.operations import operation
from wedsync_core.web.responses import json_response

LARGEST_MESSAGE = 32 * MIB
"""Ten thousand alerts in one group are about 4 MiB; a limit of 1 MiB lost 9,659 of them for ever, measured."""


def create_alerts_blueprint(
    *, intake: AlertIntake, metrics: AlertMetrics, wake: Callable[[], None], last_resort: Callable[[bytes], None]
) -> Blueprint:
    """Return the route ``POST /api/monitoring/alertmanager``. ``last_resort`` takes what could not be kept."""
    room = Blueprint("alerts", __name__, url_prefix=API)

    @room.post("/alertmanager")
    @operation(
        "Alertmanager's webhook, version 4",
        {Role.ALERTMANAGER},
        example={"outcome": "accepted", "alerts": 2, "quarantined": 0},
    )
    def receive() -> Response:
        with metrics.seconds.time():
            try:
                body = read_bytes(request, LARGEST_MESSAGE)
            except TooLarge:
                metrics.requests.labels("refused").inc()
                raise
            try:
                accepted = intake.accept(body)
            except Exception as error:
                # Whatever it was: Alertmanager sends it again, and somebody hears of it meanwhile.
                last_resort(body)
                metrics.requests.labels("unavailable").inc()
                if isinstance(error, Unavailable):
                    raise
                raise Unavailable("the message could not be processed right now") from error
        metrics.requests.labels(accepted.outcome).inc()
        if accepted.changed:
            wake()
        answer = {
            "outcome": accepted.outcome,
            "alerts": accepted.alerts,
            "quarantined": accepted.quarantined,
        }
        return json_response(answer)

    return room
