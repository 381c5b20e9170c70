"""The routes by which people act on an incident. Each parses, calls once, responds; each can be repeated safely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, request
from pydantic import BaseModel

from webhook_receiver.engine.replay import write_once
from webhook_receiver.incidents import store
from webhook_receiver.incidents.contract import Acknowledgement, Assignment, Note, Reopening, Resolution
from webhook_receiver.incidents.incident import Status
from webhook_receiver.incidents.presentation import People
from webhook_receiver.incidents.service import Incidents
from wedsync_core.clock import Clock, format_timestamp
from wedsync_core.problems import Conflict, FieldProblem, Invalid
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import operation

Asked = TypeVar("Asked", bound=BaseModel)
RESPONDERS = {Role.RESPONDER}


def create_actions_blueprint(
    *, database: Database, incidents: Incidents, people: People, clock: Clock, wake: Callable[[], None]
) -> Blueprint:
    """Return ``POST /api/monitoring/incidents/<id>/{acknowledge,resolve,reopen,assign,note}``."""
    room = Blueprint("incident_actions", __name__, url_prefix=f"{API}/incidents")
    _add_moves(room, database, incidents, clock, wake)
    _add_words(room, database, incidents, people, clock)
    return room


def _add_moves(
    room: Blueprint, database: Database, incidents: Incidents, clock: Clock, wake: Callable[[], None]
) -> None:

    @room.post("/<int:incident_id>/acknowledge")
    @operation(
        "Take an incident: with as many people as its policy needs, escalation stops until the acknowledgement expires",
        RESPONDERS,
        body=Acknowledgement,
        example={"acknowledged": True, "status": "investigating", "acknowledgedBy": "noor", "acknowledgements": 1},
    )
    def acknowledge(incident_id: int) -> Response:
        asked, now = optional_body(Acknowledgement), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            by = asked.by or caller().name
            row = incidents.acknowledge(transaction, incident_id, by=by, note=asked.note, now=now)
            expires_at = row.acknowledgement_expires_at
            return {
                "acknowledged": True,
                "incidentId": str(incident_id),
                "status": row.status,
                "acknowledgedBy": row.acknowledged_by,
                "expiresAt": format_timestamp(expires_at) if expires_at else None,
                "acknowledgements": len(store.acknowledged_people(transaction, row)),
                "acknowledgementsNeeded": row.policy.get("acknowledgements_needed", 1),
            }

        return write_once(database, f"acknowledge/{incident_id}", asked, act, now=now)

    @room.post("/<int:incident_id>/resolve")
    @operation(
        "End an incident",
        RESPONDERS,
        body=Resolution,
        example={"resolved": True, "status": "resolved", "resolvedBy": "noor"},
    )
    def resolve(incident_id: int) -> Response:
        asked, now = optional_body(Resolution), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            by = asked.by or caller().name
            row = incidents.resolve(transaction, incident_id, by=by, note=asked.note, now=now)
            return {
                "resolved": True,
                "incidentId": str(incident_id),
                "status": row.status,
                "resolvedBy": row.resolved_by,
                "resolvedAt": format_timestamp(row.resolved_at),
            }

        return write_once(database, f"resolve/{incident_id}", asked, act, now=now)

    @room.post("/<int:incident_id>/reopen")
    @operation(
        "Go on with an incident that was resolved: its policy begins anew, at once",
        RESPONDERS,
        body=Reopening,
        example={"reopened": True, "incidentId": "42", "status": "open", "escalationPolicy": "wedding_day"},
    )
    def reopen(incident_id: int) -> Response:
        asked, now = optional_body(Reopening), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            if incidents.movable(transaction, incident_id).status != Status.RESOLVED.value:
                raise Conflict(f"incident {incident_id} is not resolved; there is nothing to reopen")
            by = asked.by or caller().name
            incidents.reopen(transaction, incident_id, by=by, reason=asked.note or "reopened by hand", now=now)
            row = incidents.held(transaction, incident_id)
            return {
                "reopened": True,
                "incidentId": str(incident_id),
                "status": row.status,
                "escalationPolicy": row.escalation_policy,
            }

        answer = write_once(database, f"reopen/{incident_id}", asked, act, now=now)
        wake()
        return answer


def _add_words(room: Blueprint, database: Database, incidents: Incidents, people: People, clock: Clock) -> None:
    @room.post("/<int:incident_id>/assign")
    @operation(
        "Say whose an incident is; `to` null: nobody's",
        RESPONDERS,
        body=Assignment,
        example={
            "assigned": True,
            "incidentId": "42",
            "assignedTo": {"name": "Noor Haddad", "contact_info": ["pager"]},
        },
    )
    def assign(incident_id: int) -> Response:
        asked, now = read_model(request, Assignment), clock.now()
        if asked.to is not None and asked.to not in people.by_key:
            problem = f"there is no person {asked.to[:64]!r}; there is: {', '.join(sorted(people.by_key))}"
            raise Invalid(f"to: {problem}", FieldProblem("to", problem))

        def act(transaction: Transaction) -> dict[str, Any]:
            by = asked.by or caller().name
            row = incidents.assign(transaction, incident_id, to=asked.to, by=by, note=asked.note, now=now)
            return {
                "assigned": row.assigned_to is not None,
                "incidentId": str(incident_id),
                "assignedTo": people.present(row.assigned_to),
            }

        return write_once(database, f"assign/{incident_id}", asked, act, now=now)

    @room.post("/<int:incident_id>/note")
    @operation(
        "Write into an incident's log",
        RESPONDERS,
        body=Note,
        example={"noted": True, "incidentId": "42"},
    )
    def note(incident_id: int) -> Response:
        asked, now = read_model(request, Note), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            incidents.note(transaction, incident_id, by=asked.by or caller().name, text=asked.note, now=now)
            return {"noted": True, "incidentId": str(incident_id)}

        return write_once(database, f"note/{incident_id}", asked, act, now=now, status=201)


def optional_body(model: type[Asked]) -> Asked:
    """Return the body as ``model``, or its defaults where there is none."""
    return read_model(request, model) if request.content_length else model()
