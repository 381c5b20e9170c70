"""The routes by which people have the last word on which alerts are one incident."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from webhook_receiver.correlation.contract import Merge, Split
from webhook_receiver.correlation.service import Correlation
from webhook_receiver.engine.replay import write_once
from wedsync_core.clock import Clock
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import operation

RESPONDERS = {Role.RESPONDER}


def create_correlation_blueprint(
    *, database: Database, correlation: Correlation, clock: Clock, wake: Callable[[], None]
) -> Blueprint:
    """Return ``POST /api/monitoring/incidents/<id>/{merge,split}``."""
    room = Blueprint("correlation", __name__, url_prefix=f"{API}/incidents")

    @room.post("/<int:incident_id>/merge")
    @operation(
        "Make an incident part of another, for good",
        RESPONDERS,
        body=Merge,
        example={"merged": True, "incidentId": "7", "mergedInto": "12", "severity": "critical", "alerts": 3},
    )
    def merge(incident_id: int) -> Response:
        asked, now = read_model(request, Merge), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            by = asked.by or caller().name
            row = correlation.merge(transaction, incident_id, asked.into, by=by, note=asked.note, now=now)
            return {
                "merged": True,
                "incidentId": str(incident_id),
                "mergedInto": str(row.id),
                "severity": row.severity,
                "alerts": row.alerts,
            }

        answer = write_once(database, f"merge/{incident_id}", asked, act, now=now)
        wake()
        return answer

    @room.post("/<int:incident_id>/split")
    @operation(
        "Make some alerts of an incident another one, for good",
        RESPONDERS,
        body=Split,
        example={"split": True, "incidentId": "12", "newIncidentId": "13"},
    )
    def split(incident_id: int) -> Response:
        asked, now = read_model(request, Split), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            by = asked.by or caller().name
            new = correlation.split(transaction, incident_id, asked.fingerprints, by=by, note=asked.note, now=now)
            return {"split": True, "incidentId": str(incident_id), "newIncidentId": str(new)}

        answer = write_once(
            database,
            f"split/{incident_id}",
            asked,
            act,
            now=now,
            status=201,
            location=lambda made: f"{API}/incidents/{made['newIncidentId']}",
        )
        wake()
        return answer

    return room
