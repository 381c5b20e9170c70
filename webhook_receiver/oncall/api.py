"""The routes of the schedules. Each parses, calls once, responds."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from flask import Blueprint, Response, request

from webhook_receiver.engine.replay import Answer, write_once
from webhook_receiver.oncall import store
from webhook_receiver.oncall.contract import LONGEST_OVERRIDE, NewOverride
from webhook_receiver.oncall.coverage import PEOPLE_NEEDED
from webhook_receiver.oncall.feed import AHEAD, BEHIND, calendar_feed
from webhook_receiver.oncall.lookahead import Outlook
from webhook_receiver.oncall.presentation import (
    present_finding,
    present_members,
    present_override,
    present_turns,
    present_uncovered,
)
from webhook_receiver.oncall.review import Reviewer
from webhook_receiver.oncall.schedule import by_people
from webhook_receiver.oncall.service import OnCall
from wedsync_core.clock import Clock, format_timestamp, parse_timestamp
from wedsync_core.problems import FieldProblem, Invalid
from wedsync_core.season import InvalidField
from wedsync_core.season.fields import moment_within_years
from wedsync_core.settings import OnSchedule, Settings
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import Parameter, operation
from wedsync_core.web.responses import json_response

NEXT_TURN_WITHIN: Final = timedelta(days=366)
"""How far ahead the next turn is looked for."""

STATES: Final = ("current", "all")

VIEWERS = {Role.VIEWER}
RESPONDERS = {Role.RESPONDER}
_OVERRIDE = {
    "id": "7",
    "who": "ines",
    "schedule": "engineers",
    "replaces": "noor",
    "from": "2026-06-13T12:00:00.000Z",
    "to": "2026-06-13T20:00:00.000Z",
    "state": "ahead",
}


def create_oncall_blueprint(
    *, settings: Settings, database: Database, on_call: OnCall, reviewer: Reviewer, clock: Clock
) -> Blueprint:
    """Return the routes under ``/api/monitoring/oncall``."""
    room = Blueprint("oncall", __name__, url_prefix=f"{API}/oncall")

    @room.get("")
    @operation(
        "Who is on call, until when, who is next, and what will be missing",
        VIEWERS,
        example={"roles": [{"role": "on_call_engineer", "schedule": "engineers", "now": [{"person": "noor"}]}]},
        parameters=(Parameter("at", "The moment, RFC 3339; now if absent."),),
    )
    def show() -> Response:
        now = _moment("at", clock.now())
        return json_response(_picture(settings, on_call, reviewer.look_ahead(now), now))

    @room.get("/calendar.ics")
    @operation(
        "The shifts of the next six months and more, as an iCalendar feed",
        VIEWERS,
        parameters=(
            Parameter("schedule", "Only this schedule."),
            Parameter("person", "Only this person's shifts."),
        ),
    )
    def calendar() -> Response:
        schedule = _known("schedule", settings.schedules)
        person = _known("person", settings.people)
        now = clock.now()
        margin = on_call.longest_shift() + LONGEST_OVERRIDE
        resolved = on_call.resolved(now - BEHIND - margin, now + AHEAD + margin)
        wanted = {name: found for name, found in resolved.items() if schedule in (None, name)}
        feed = calendar_feed(wanted, settings.people, person, now)
        return Response(feed, content_type="text/calendar; charset=utf-8")

    @room.post("/overrides")
    @operation(
        "Put somebody on call for a while, in the place of another or in addition",
        RESPONDERS,
        body=NewOverride,
        example=_OVERRIDE,
    )
    def add() -> Response:
        asked, now = read_model(request, NewOverride), clock.now()
        found: list[Any] = []

        def act(transaction: Transaction) -> Answer:
            row, is_new = on_call.add(transaction, asked, by=asked.by or caller().name)
            if not is_new:
                found.append(row)
            return present_override(row, clock.now())  # begun now, it is in effect

        answer = write_once(database, "override", asked, act, now=now, status=201)
        if found:
            answer.status_code = 200
        on_call.overrides_changed()
        reviewer.review()
        return answer

    @room.get("/overrides")
    @operation(
        "Overrides, the latest start first",
        VIEWERS,
        example=[_OVERRIDE],
        parameters=(
            Parameter("state", "`current`: in effect or ahead; `all`: also over and cancelled.", "current", STATES),
        ),
    )
    def overrides() -> Response:
        state = request.args.get("state", STATES[0])
        if state not in STATES:
            raise _invalid("state", f"is not one of {', '.join(STATES)}")
        now = clock.now()
        with database.read() as transaction:
            rows = store.listed(transaction, now, current_only=state == STATES[0])
        return json_response([present_override(row, now) for row in rows])

    @room.delete("/overrides/<int:override_id>")
    @operation("Cancel an override from now on; the record stays", RESPONDERS, example=_OVERRIDE)
    def cancel(override_id: int) -> Response:
        with database.write() as transaction:
            row = on_call.cancel(transaction, override_id)
        on_call.overrides_changed()
        reviewer.review()
        return json_response(present_override(row, clock.now()))

    return room


def _picture(settings: Settings, on_call: OnCall, ahead: Outlook, now: datetime) -> dict[str, Any]:
    turns = {
        name: present_turns(by_people(found), settings.people)
        for name, found in on_call.resolved(now, now + NEXT_TURN_WITHIN).items()
    }
    return {
        "at": format_timestamp(now),
        "roles": [
            {"role": role, "schedule": members.schedule, **turns[members.schedule]}
            if isinstance(members, OnSchedule)
            else {"role": role, "schedule": None, **present_members(members, settings.people)}
            for role, members in settings.roles.items()
        ],
        "schedules": [
            {"schedule": name, "zone": schedule.zone, **turns[name]} for name, schedule in settings.schedules.items()
        ],
        "findings": [present_finding(finding) for finding in ahead.findings],
        "coverage": {
            "policy": ahead.policy,
            "roles": ahead.roles,
            "people_needed": PEOPLE_NEEDED,
            "windows": ahead.windows,
            "uncovered": [present_uncovered(one) for one in ahead.uncovered],
        },
    }


def _moment(name: str, otherwise: datetime) -> datetime:
    text = request.args.get(name)
    if text is None:
        return otherwise
    try:
        # A `+` that was not escaped arrives as a space.
        return moment_within_years(parse_timestamp(text[:11] + text[11:].replace(" ", "+")), name)
    except InvalidField as error:
        raise _invalid(name, error.reason) from error
    except ValueError as error:
        raise _invalid(name, str(error)) from error


def _known(name: str, known: Collection[str]) -> str | None:
    value = request.args.get(name)
    if value is not None and value not in known:
        raise _invalid(name, f"there is no {name} {value[:64]!r}; there is: {', '.join(sorted(known)) or 'none'}")
    return value


def _invalid(name: str, message: str) -> Invalid:
    return Invalid(f"{name}: {message}", FieldProblem(name, message))
