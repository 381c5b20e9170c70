"""The routes of incidents. Each parses, calls once, responds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from webhook_receiver.engine.replay import write_once
from webhook_receiver.incidents import store
from webhook_receiver.incidents.classification import signal_of_report
from webhook_receiver.incidents.contract import NewIncident
from webhook_receiver.incidents.presentation import (
    People,
    present_acknowledgement,
    present_alert,
    present_event,
    present_incident,
    present_notification,
)
from webhook_receiver.incidents.search import read_cursor, read_limit, read_search
from webhook_receiver.incidents.service import Incidents, Report
from wedsync_core.clock import Clock
from wedsync_core.problems import NotFound
from wedsync_core.severity import Severity
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import Parameter, operation
from wedsync_core.web.responses import json_response

UPDATES_SHOWN = 5
"""The specification's ``updates: take 5``."""
MOST_ACTIVE = 500
MOST_LISTED = 100
ALL_UPDATES = 1000

VIEWERS = {Role.VIEWER}
RESPONDERS = {Role.RESPONDER}


def create_incidents_blueprint(
    *,
    database: Database,
    incidents: Incidents,
    people: People,
    clock: Clock,
    wake: Callable[[], None],
) -> Blueprint:
    """Return the routes under ``/api/monitoring/incidents`` that look, and the one that opens."""
    room = Blueprint("incidents", __name__, url_prefix=f"{API}/incidents")

    @room.post("")
    @operation(
        "Create an incident",
        RESPONDERS | {Role.INGEST},
        body=NewIncident,
        example={"incidentId": "42", "severity": "critical", "escalationTriggered": True},
    )
    def create() -> Response:
        report, now = read_model(request, NewIncident), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            opened = incidents.open(transaction, _report(report), now)
            return {
                "incidentId": str(opened.incident_id),
                "severity": opened.decision.severity.value,
                "escalationTriggered": opened.decision.severity is Severity.CRITICAL,
                "weddingImpact": opened.decision.wedding_impact.value,
                "escalationPolicy": opened.policy_name,
                "reasons": list(opened.decision.reasons),
            }

        answer = write_once(
            database,
            "create_incident",
            report,
            act,
            now=now,
            status=201,
            location=lambda made: f"{API}/incidents/{made['incidentId']}",
        )
        wake()
        return answer

    @room.get("")
    @operation(
        "Incidents, the newest first",
        VIEWERS,
        example={"incidents": [{"id": "42", "severity": "critical", "status": "resolved"}], "next": "42"},
        parameters=(
            Parameter("status", "One or several, joined by commas; `active`: all that are not over."),
            Parameter("severity", "One or several, joined by commas.", choices=tuple(one.value for one in Severity)),
            Parameter("service", "A service or third party that the incident is about."),
            Parameter("region", "A region it affects."),
            Parameter("from", "Opened at this moment (RFC 3339) or later."),
            Parameter("to", "Opened before this moment (RFC 3339)."),
            Parameter("limit", f"How many at most, up to {MOST_LISTED}.", str(MOST_LISTED)),
            Parameter("cursor", "The `next` of the page before."),
        ),
    )
    def listed() -> Response:
        search, limit = read_search(request.args), read_limit(request.args, MOST_LISTED)
        with database.read() as transaction:
            rows = store.find_incidents(transaction, search, limit + 1)
        shown = [present_incident(row, (), people) for row in rows[:limit]]
        return json_response({"incidents": shown, "next": str(rows[limit - 1].id) if len(rows) > limit else None})

    @room.get("/active")
    @operation(
        "Incidents that are not over: the worst first",
        VIEWERS,
        example=[{"id": "42", "severity": "critical", "status": "open", "updates": []}],
        parameters=(Parameter("limit", f"How many at most, up to {MOST_ACTIVE}.", str(MOST_ACTIVE)),),
    )
    def active() -> Response:
        limit = read_limit(request.args, MOST_ACTIVE)
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
            holders = store.acknowledgements_of(transaction, incident_id)
        shown = present_incident(row, (), people)
        shown["updates"] = [present_event(event) for event in updates]
        shown["acknowledgements"] = [present_acknowledgement(holder) for holder in holders]
        shown["alerts"] = [present_alert(alert) for alert in alerts]
        shown["notifications"] = [present_notification(page, calls.get(page.id, ())) for page in pages]
        return json_response(shown)

    @room.get("/<int:incident_id>/timeline")
    @operation(
        "The log of an incident and of those merged into it, oldest first",
        VIEWERS,
        example={
            "incidentId": "42",
            "merged": [],
            "timeline": [{"kind": "opened", "actor": "alertmanager"}],
            "next": None,
        },
        parameters=(
            Parameter("limit", f"How many at most, up to {ALL_UPDATES}.", str(ALL_UPDATES)),
            Parameter("cursor", "The `next` of the page before."),
        ),
    )
    def timeline(incident_id: int) -> Response:
        limit, after = read_limit(request.args, ALL_UPDATES), read_cursor(request.args) or 0
        with database.read() as transaction:
            if store.find_incident(transaction, incident_id) is None:
                raise NotFound(f"there is no incident {incident_id}")
            merged = store.merged_into(transaction, incident_id)
            events = store.timeline(transaction, [incident_id, *merged], after, limit + 1)
        answer = {
            "incidentId": str(incident_id),
            "merged": [str(number) for number in merged],
            "timeline": [{**present_event(event), "incident_id": str(event.incident_id)} for event in events[:limit]],
            "next": str(events[limit - 1].id) if len(events) > limit else None,
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
