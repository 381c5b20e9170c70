"""The route that tells the next people now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response

from webhook_receiver.engine.replay import write_once
from webhook_receiver.escalation.service import Escalation
from webhook_receiver.incidents.actions import optional_body
from webhook_receiver.incidents.contract import Escalation as EscalationRequest
from wedsync_core.clock import Clock
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.operations import operation


def create_escalation_blueprint(
    *, database: Database, escalation: Escalation, clock: Clock, wake: Callable[[], None]
) -> Blueprint:
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
        asked, now = optional_body(EscalationRequest), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            by = asked.by or caller().name
            taken = escalation.escalate(
                transaction, incident_id, seen_level=asked.current_level, by=by, note=asked.note
            )
            return {
                "escalated": True,
                "escalationLevel": taken.level,
                # Queued, durably; how each page fared is under the incident's `notifications`.
                "notificationsSent": True,
                "notificationsQueued": taken.queued,
                "repeated": taken.repeated,
            }

        answer = write_once(database, f"escalate/{incident_id}", asked, act, now=now)
        wake()
        return answer

    return room
