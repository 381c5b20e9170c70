"""The routes of runbooks and of their runs. Each parses, calls once, responds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, request

from webhook_receiver.engine.replay import write_once
from webhook_receiver.incidents.actions import optional_body
from webhook_receiver.incidents.search import read_cursor, read_limit
from webhook_receiver.runbooks import store
from webhook_receiver.runbooks.contract import Answering, Approving, NewRun, Rejecting, Switching
from webhook_receiver.runbooks.presentation import present_run, present_runbook, present_whole_run
from webhook_receiver.runbooks.run import State
from webhook_receiver.runbooks.service import Runbooks
from wedsync_core.clock import Clock
from wedsync_core.problems import FieldProblem, Invalid, NotFound
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import Parameter, operation
from wedsync_core.web.responses import json_response

MOST_LISTED = 100
VIEWERS = {Role.VIEWER}
RESPONDERS = {Role.RESPONDER}
_RUN = {"id": "7", "runbook": "restart_uploads", "state": "awaiting_approval", "planDigest": "5d0c..."}


def create_runbooks_blueprint(
    *, database: Database, runbooks: Runbooks, clock: Clock, wake: Callable[[], object]
) -> Blueprint:
    """Return the routes under ``/api/monitoring/runbooks``."""
    room = Blueprint("runbooks", __name__, url_prefix=f"{API}/runbooks")
    _add_looks(room, database, runbooks)
    _add_starts(room, database, runbooks, clock, wake)
    _add_words(room, database, runbooks, clock, wake)
    return room


def _add_looks(room: Blueprint, database: Database, runbooks: Runbooks) -> None:
    @room.get("")
    @operation(
        "The runbooks that a machine can carry out, and the pages that cannot be used",
        VIEWERS,
        example={"enabled": True, "runbooks": [{"name": "restart_uploads", "start": "automatic"}], "broken": {}},
    )
    def listed() -> Response:
        with database.read() as transaction:
            off = runbooks.switched_off(transaction)
        shown = [present_runbook(page) for page in runbooks.library.pages.values()]
        answer = {"enabled": off is None, "switchedOff": off, "runbooks": shown}
        return json_response({**answer, "broken": dict(runbooks.library.broken)})

    @room.get("/<name>")
    @operation("One runbook: its text for people and its part for the machine", VIEWERS)
    def show(name: str) -> Response:
        return json_response(present_runbook(runbooks.page(name), whole=True))

    @room.get("/runs")
    @operation(
        "Runs, the newest first",
        VIEWERS,
        example={"runs": [_RUN], "next": "7"},
        parameters=(
            Parameter("state", "The state a run is in.", choices=tuple(one.value for one in State)),
            Parameter("incidentId", "The incident it is for."),
            Parameter("limit", f"How many at most, up to {MOST_LISTED}.", str(MOST_LISTED)),
            Parameter("cursor", "The `next` of the page before."),
        ),
    )
    def runs() -> Response:
        limit, before = read_limit(request.args, MOST_LISTED), read_cursor(request.args)
        incident_id, state = _number("incidentId"), request.args.get("state")
        if state is not None and state not in {one.value for one in State}:
            raise _invalid("state", f"must be one of: {', '.join(one.value for one in State)}")
        with database.read() as transaction:
            rows = store.listed(transaction, before=before, limit=limit + 1, incident_id=incident_id, state=state)
        following = str(rows[limit - 1].id) if len(rows) > limit else None
        return json_response({"runs": [present_run(row) for row in rows[:limit]], "next": following})

    @room.get("/runs/<int:run_id>")
    @operation("One run: its plan, what each gate said, its steps", VIEWERS, example=_RUN)
    def run(run_id: int) -> Response:
        with database.read() as transaction:
            return json_response(_whole(transaction, run_id))


def _add_starts(
    room: Blueprint, database: Database, runbooks: Runbooks, clock: Clock, wake: Callable[[], object]
) -> None:
    @room.post("/<name>/runs")
    @operation(
        "Start a runbook, or with `dryRun` show what it would do; what the gates said is in the answer",
        RESPONDERS,
        body=NewRun,
        example=_RUN,
    )
    def start(name: str) -> Response:
        asked, now = optional_body(NewRun), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            row = runbooks.request(transaction, name, asked, asked.by or caller().name, now)
            return _whole(transaction, row.id)

        answer = write_once(
            database,
            f"runbook/{runbooks.page(name).runbook.name}"[:64],
            asked,
            act,
            now=now,
            status=201,
            location=lambda made: f"{API}/runbooks/runs/{made['id']}",
        )
        wake()
        return answer

    @room.put("/switch")
    @operation(
        "Turn all runbooks off, or on again: at once, on every replica; a run under way stops before its next step",
        RESPONDERS,
        body=Switching,
        example={"enabled": False, "switchedOff": "ines: the deployment is being rolled back"},
    )
    def switch() -> Response:
        asked = read_model(request, Switching)
        with database.write() as transaction:
            runbooks.set_switch(transaction, asked, asked.by or caller().name, clock.now())
            off = runbooks.switched_off(transaction)
        return json_response({"enabled": off is None, "switchedOff": off})


def _add_words(
    room: Blueprint, database: Database, runbooks: Runbooks, clock: Clock, wake: Callable[[], object]
) -> None:
    @room.post("/runs/<int:run_id>/approve")
    @operation(
        "Say yes to the plan of a run: send its `planDigest`; never the person who asked for it",
        RESPONDERS,
        body=Approving,
        example={**_RUN, "state": "ready"},
    )
    def approve(run_id: int) -> Response:
        asked, now = read_model(request, Approving), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            runbooks.approve(transaction, run_id, asked, now)
            return _whole(transaction, run_id)

        answer = write_once(database, f"approve_run/{run_id}", asked, act, now=now)
        wake()
        return answer

    @room.post("/runs/<int:run_id>/reject")
    @operation("Say no to a run that waits for people", RESPONDERS, body=Rejecting, example=_RUN)
    def reject(run_id: int) -> Response:
        asked, now = read_model(request, Rejecting), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            runbooks.reject(transaction, run_id, asked, now)
            return _whole(transaction, run_id)

        return write_once(database, f"reject_run/{run_id}", asked, act, now=now)

    @room.post("/runs/<int:run_id>/answer")
    @operation("Answer the question of a run", RESPONDERS, body=Answering, example=_RUN)
    def answer(run_id: int) -> Response:
        asked, now = read_model(request, Answering), clock.now()

        def act(transaction: Transaction) -> dict[str, Any]:
            runbooks.answer(transaction, run_id, asked, now)
            return _whole(transaction, run_id)

        answered = write_once(database, f"answer_run/{run_id}", asked, act, now=now)
        wake()
        return answered


def _whole(transaction: Transaction, run_id: int) -> dict[str, Any]:
    row = store.find_run(transaction, run_id)
    if row is None:
        raise NotFound(f"there is no run {run_id}")
    return present_whole_run(row, store.steps_of(transaction, run_id), store.approvals_of(transaction, run_id))


def _number(name: str) -> int | None:
    value = request.args.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise _invalid(name, "must be a number")
    return int(value)


def _invalid(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", FieldProblem(field, message))
