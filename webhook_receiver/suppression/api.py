"""The routes of silence: windows of maintenance, and Alertmanager's silences. Each parses, calls once, responds."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request

from webhook_receiver.engine.replay import Answer, write_once
from webhook_receiver.engine.reserving import reserve
from webhook_receiver.suppression import store
from webhook_receiver.suppression.contract import NewSilence, NewWindow
from webhook_receiver.suppression.presentation import present_silence, present_window
from webhook_receiver.suppression.service import Suppression
from webhook_receiver.suppression.silences import Silences
from wedsync_core.clock import Clock
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import operation
from wedsync_core.web.responses import json_response

WINDOWS_SHOWN = 200
_WINDOW = {"id": "3", "state": "active", "match": {"service": "photos"}, "up_to": "medium", "reason": "new disks"}
_SILENCE = {"id": "9f3c1a2e-...", "state": "active", "matchers": [{"name": "alertname", "value": "WorkflowSlow"}]}


def create_maintenance_blueprint(
    *, database: Database, suppression: Suppression, clock: Clock, wake: Callable[[], None]
) -> Blueprint:
    """Return the routes under ``/api/monitoring/maintenance``."""
    room = Blueprint("maintenance", __name__, url_prefix=f"{API}/maintenance")

    @room.get("")
    @operation(f"Maintenance windows, the last to end first, {WINDOWS_SHOWN} at most", {Role.VIEWER}, example=[_WINDOW])
    def windows() -> Response:
        with database.read() as transaction:
            rows = store.latest_windows(transaction, WINDOWS_SHOWN)
        return json_response([present_window(row, clock.now()) for row in rows])

    @room.post("")
    @operation(
        "Open a maintenance window: matching incidents are recorded and wake nobody until it ends",
        {Role.RESPONDER},
        body=NewWindow,
        example=_WINDOW,
    )
    def add() -> Response:
        asked = read_model(request, NewWindow)
        now = clock.now()

        def act(transaction: Transaction) -> Answer:
            return present_window(suppression.add_window(transaction, asked, by=asked.by or caller().name), now)

        return write_once(
            database,
            "maintenance",
            asked,
            act,
            now=now,
            status=201,
            location=lambda answer: f"{API}/maintenance/{answer['id']}",
        )

    @room.delete("/<int:window_id>")
    @operation(
        "End a maintenance window now: what it held wakes people at once",
        {Role.RESPONDER},
        example={**_WINDOW, "state": "cancelled", "woken": 1},
    )
    def cancel(window_id: int) -> Response:
        with database.write() as transaction:
            row, woken = suppression.cancel_window(transaction, window_id)
        wake()
        return json_response({**present_window(row, clock.now()), "woken": woken})

    return room


def create_silences_blueprint(*, silences: Silences, database: Database, clock: Clock) -> Blueprint:
    """Return the routes of Alertmanager's silences."""
    room = Blueprint("silences", __name__, url_prefix=API)

    @room.get("/silences")
    @operation("Alertmanager's silences, active and to come", {Role.VIEWER}, example=[_SILENCE])
    def listed() -> Response:
        return json_response([present_silence(silence) for silence in silences.listed()])

    @room.get("/incidents/<int:incident_id>/silences")
    @operation("The silences that hold back an alert of an incident", {Role.VIEWER}, example=[_SILENCE])
    def of_incident(incident_id: int) -> Response:
        return json_response([present_silence(silence) for silence in silences.of_incident(incident_id)])

    @room.post("/incidents/<int:incident_id>/silences")
    @operation(
        "Silence an incident's alerts in Alertmanager, from now on",
        {Role.RESPONDER},
        body=NewSilence,
        example={"silenced": True, "silenceIds": ["9f3c1a2e-..."], "endsAt": "2026-06-13T16:00:00.000Z"},
    )
    def create(incident_id: int) -> Response:
        asked = read_model(request, NewSilence)
        turn = reserve(database, f"silence/{incident_id}", asked, clock.now())
        if isinstance(turn, Response):
            return turn
        made = silences.create(incident_id, asked, by=asked.by or caller().name, turn=turn)
        return json_response(made.as_json(), 201)

    @room.delete("/silences/<silence_id>")
    @operation("End a silence now", {Role.RESPONDER}, example={"silenced": False, "silenceId": "9f3c1a2e-..."})
    def expire(silence_id: str) -> Response:
        silences.expire(silence_id, by=caller().name)
        return json_response({"silenced": False, "silenceId": silence_id})

    return room
