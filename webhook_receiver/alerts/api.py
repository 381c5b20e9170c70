"""The webhook. Alertmanager retries a 5xx at once and gives a 4xx up until its next interval, so none is sent to it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from webhook_receiver.alerts.intake import AlertIntake
from webhook_receiver.alerts.metrics import AlertMetrics
from webhook_receiver.engine.precedence import Precedence
from wedsync_core.problems import Unavailable
from wedsync_core.web.application import API
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import MIB, read_or_head
from wedsync_core.web.operations import operation
from wedsync_core.web.responses import json_response

LARGEST_MESSAGE = 32 * MIB
"""Ten thousand alerts in one group are about 4 MiB; a limit of 1 MiB lost 9,659 of them for ever, measured."""
KEPT_HEAD = 1 * MIB
"""Of a message larger than that; enough to see what it was."""


def create_alerts_blueprint(
    *,
    intake: AlertIntake,
    precedence: Precedence,
    metrics: AlertMetrics,
    wake: Callable[[], None],
    last_resort: Callable[[bytes], None],
) -> Blueprint:
    """Return the route ``POST /api/monitoring/alertmanager``. ``last_resort`` takes what could not be kept."""
    room = Blueprint("alerts", __name__, url_prefix=API)

    @room.post("/alertmanager")
    @operation(
        "Alertmanager's webhook, version 4; never refused for what is in it",
        {Role.ALERTMANAGER},
        example={"outcome": "accepted", "alerts": 2, "quarantined": 0},
    )
    def receive() -> Response:
        with metrics.seconds.time(), precedence.request():
            body, size = read_or_head(request, LARGEST_MESSAGE, KEPT_HEAD)
            try:
                if size > LARGEST_MESSAGE:
                    accepted = intake.accept_head(body, size, LARGEST_MESSAGE)
                else:
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
