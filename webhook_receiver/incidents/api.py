"""The routes of incidents. Each parses, calls once, responds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Blueprint, Response, request

from webhook_receiver.incidents import store
from webhook_receiver.incidents.classification import signal_of_report
from webhook_receiver.incidents.contract import Acknowledgement, NewIncident, Resolution
from webhook_receiver.incidents.presentation import (
    present_alert,
    present_event,
    present_incident,
    present_notification,
)
from webhook_receiver.incidents.service import Incidents, Report
from wedsync_core.clock import Clock, format_timestamp
from wedsync_core.problems import Conflict, FieldProblem, Invalid, NotFound
from wedsync_core.settings import Person
from wedsync_core.severity import Severity
from wedsync_core.storage import Database
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import Parameter, operation
from wedsync_core.web.responses import json_response

UPDATES_SHOWN = 5
"""The specification's ``updates: take 5``."""
MOST_ACTIVE = 500
ALL_UPDATES = 1000

Asked = TypeVar("Asked", Acknowledgement, Resolution)

VIEWERS = {Role.VIEWER}
RESPONDERS = {Role.RESPONDER}


def create_incidents_blueprint(
    *,
    database: Database,
    incidents: Incidents,
    people: Mapping[str, Person],
    clock: Clock,
    wake: Callable[[], None],
) -> Blueprint:
    """Return the routes under ``/api/monitoring/incidents`` that need no escalation."""
    room = Blueprint("incidents", __name__, url_prefix=f"{API}/incidents")

    @room.post("")
    @operation(
        "Create an incident",
        RESPONDERS | {Role.INGEST},
        body=NewIncident,
        example={"incidentId": "42", "severity": "critical", "escalationTriggered": True},
    )
    def create() -> Response:
        report = read_model(request, NewIncident)
        key = _idempotency_key()
        digest = hashlib.sha256(report.model_dump_json().encode()).hexdigest()
        now = clock.now()
        with database.write() as transaction:
            earlier = store.recall_answer(transaction, "create_incident", key) if key else None
            if earlier is not None:
                return json_response(_same_answer(earlier, digest), 200, {"Idempotent-Replay": "true"})
            opened = incidents.open(transaction, _report(report), now)
            answer = {
                "incidentId": str(opened.incident_id),
                "severity": opened.decision.severity.value,
                "escalationTriggered": opened.decision.severity is Severity.CRITICAL,
                "weddingImpact": opened.decision.wedding_impact.value,
                "escalationPolicy": opened.policy_name,
                "reasons": list(opened.decision.reasons),
            }
            if key:
                store.keep_answer(transaction, "create_incident", key, digest=digest, answer=answer, now=now)
        wake()
        return json_response(answer, 201, {"Location": f"{API}/incidents/{opened.incident_id}"})

    @room.get("/active")
    @operation(
        "Incidents that are not over: the worst first",
        VIEWERS,
        example=[{"id": "42", "severity": "critical", "status": "open", "updates": []}],
        parameters=(Parameter("limit", f"How many at most, up to {MOST_ACTIVE}.", str(MOST_ACTIVE)),),
    )
    def active() -> Response:
        limit = _limit()
        with database.read() as transaction:
            rows = store.active_incidents(transaction, limit)
            updates = store.events_of(transaction, (row.id for row in rows), UPDATES_SHOWN)
            total = sum(store.open_counts(transaction).values())
        shown = [present_incident(row, updates[row.id], people) for row in rows]
        return json_response(shown, headers={"X-Total-Count": str(total)})

    @room.get("/<int:incident_id>")
    @operation("One incident: log, alerts, pages, and why it was judged so", VIEWERS)
    def show(incident_id: int) -> Response:
        with database.read() as transaction:
            row = store.find_incident(transaction, incident_id)
            if row is None:
                raise NotFound(f"there is no incident {incident_id}")
            updates = store.events_of(transaction, [incident_id], ALL_UPDATES)[incident_id]
            alerts = store.alerts_of(transaction, incident_id)
            pages = store.notifications_of(transaction, incident_id)
            calls = store.calls_of(transaction, pages)
        shown = present_incident(row, (), people)
        shown["updates"] = [present_event(event) for event in updates]
        shown["alerts"] = [present_alert(alert) for alert in alerts]
        shown["notifications"] = [present_notification(page, calls.get(page.id, ())) for page in pages]
        return json_response(shown)

    @room.post("/<int:incident_id>/acknowledge")
    @operation(
        "Take an incident: escalation stops until the acknowledgement expires",
        RESPONDERS,
        body=Acknowledgement,
        example={"acknowledged": True, "status": "investigating", "acknowledgedBy": "noor"},
    )
    def acknowledge(incident_id: int) -> Response:
        asked = _optional_body(Acknowledgement)
        with database.write() as transaction:
            by = asked.by or caller().name
            row = incidents.acknowledge(transaction, incident_id, by=by, note=asked.note, now=clock.now())
        expires_at = row.acknowledgement_expires_at
        answer = {
            "acknowledged": True,
            "incidentId": str(incident_id),
            "status": row.status,
            "acknowledgedBy": row.acknowledged_by,
            "expiresAt": format_timestamp(expires_at) if expires_at else None,
        }
        return json_response(answer)

    @room.post("/<int:incident_id>/resolve")
    @operation(
        "End an incident",
        RESPONDERS,
        body=Resolution,
        example={"resolved": True, "status": "resolved", "resolvedBy": "noor"},
    )
    def resolve(incident_id: int) -> Response:
        asked = _optional_body(Resolution)
        with database.write() as transaction:
            by = asked.by or caller().name
            row = incidents.resolve(transaction, incident_id, by=by, note=asked.note, now=clock.now())
        answer = {
            "resolved": True,
            "incidentId": str(incident_id),
            "status": row.status,
            "resolvedBy": row.resolved_by,
            "resolvedAt": format_timestamp(row.resolved_at),
        }
        return json_response(answer)

    return room


def _report(report: NewIncident) -> Report:
    return Report(
        title=report.title,
        description=report.description,
        signal=signal_of_report(report),
        actor=caller().name,
        auto_created=True,  # the specification's value for everything that comes by this route
        extra=report.model_extra or {},
    )


def _optional_body(model: type[Asked]) -> Asked:
    return read_model(request, model) if request.content_length else model()


def _idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not (0 < len(key) <= 200 and key.isascii() and key.isprintable()):
        detail = "must be 1 to 200 printable ASCII characters"
        raise Invalid(f"Idempotency-Key: {detail}", FieldProblem("Idempotency-Key", detail))
    return key


def _same_answer(earlier: tuple[str, Any], digest: str) -> Any:
    if earlier[0] != digest:
        raise Conflict("this Idempotency-Key was used before with another body")
    return json.loads(json.dumps(earlier[1]))


def _limit() -> int:
    text = request.args.get("limit", str(MOST_ACTIVE))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MOST_ACTIVE):
        detail = f"must be a whole number from 1 to {MOST_ACTIVE}"
        raise Invalid(f"limit: {detail}", FieldProblem("limit", detail))
    return int(text)
