"""The route that tells the next people now."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from webhook_receiver.escalation.service import Escalation
from webhook_receiver.incidents.contract import Escalation as EscalationRequest
from wedsync_core.storage import Database
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import operation
from wedsync_core.web.responses import json_response


def create_escalation_blueprint(*, database: Database, escalation: Escalation, wake: Callable[[], None]) -> Blueprint:
    """Return the route ``POST /api/monitoring/incidents/<id>/escalate``."""
    room = Blueprint("escalation", __name__, url_prefix=f"{API}/incidents")

    @room.post("/<int:incident_id>/escalate")
    @operation(
        "Tell the next people now; send the level you saw, so that two clicks are one",
        {Role.RESPONDER},
        body=EscalationRequest,
        example={"escalated": True, "escalationLevel": 2, "notificationsSent": True, "notificationsQueued": 3},
    )
    def escalate(incident_id: int) -> Response:
        asked = read_model(request, EscalationRequest) if request.content_length else EscalationRequest()
        with database.write() as transaction:
            by = asked.by or caller().name
            taken = escalation.escalate(transaction, incident_id, seen_level=asked.current_level, by=by)
        wake()
        answer = {
            "escalated": True,
            "escalationLevel": taken.level,
            # Queued, durably; how each page fared is under the incident's `notifications`.
            "notificationsSent": True,
            "notificationsQueued": taken.queued,
            "repeated": taken.repeated,
        }
        return json_response(answer)

    return room
