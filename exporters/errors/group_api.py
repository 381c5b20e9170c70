"""The routes of groups: what each is, whom it hurts, and what people do with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from flask import Blueprint, Response, request

from exporters.errors import grouping_store, life_store, query_store, tally_store, upload_store
from exporters.errors.counting import Counting
from exporters.errors.grouping import similar_groups
from exporters.errors.impact import impact
from exporters.errors.life import State, begun
from exporters.errors.moving import Asked, Moved, Moving
from exporters.errors.orders import Merging, Muting, Order, Resolving, Splitting
from exporters.errors.presentation import (
    present_group,
    present_key,
    present_life,
    present_moved,
    present_occurrence,
    present_range,
    present_turn,
)
from exporters.errors.questions import (
    LARGEST_PAGE,
    PAGE,
    choice,
    known_id,
    limit,
    next_cursor,
    numbered_cursor,
    time_range,
)
from exporters.errors.replay import write_once
from exporters.errors.tally import micros
from wedsync_core.clock import Clock, format_timestamp
from wedsync_core.problems import NotFound
from wedsync_core.season import WeddingIndex
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import Parameter, operation
from wedsync_core.web.responses import json_response

Model = TypeVar("Model", bound=Order)
Weddings = Callable[[], WeddingIndex | None]
RESPONDERS = {Role.RESPONDER}
_STATES = tuple(state.value for state in State if state is not State.MERGED)


def create_groups_blueprint(
    *,
    counting: Counting,
    moving: Moving,
    database: Database,
    weddings: Weddings,
    clock: Clock,
    wake: Callable[[], None],
) -> Blueprint:
    """Return the routes under ``/api/monitoring/errors/groups``."""
    room = Blueprint("error_groups", __name__, url_prefix=f"{API}/errors/groups")
    _add_questions(room, counting, database, weddings, clock)
    _add_moves(room, counting, moving, database, clock, wake)
    return room


def _add_questions(room: Blueprint, counting: Counting, database: Database, weddings: Weddings, clock: Clock) -> None:
    @room.get("")
    @operation(
        "Groups of errors that are one error, the latest seen first",
        {Role.VIEWER},
        parameters=(
            Parameter("status", "Only groups in this state.", choices=_STATES),
            Parameter("limit", f"How many, up to {LARGEST_PAGE}.", str(PAGE)),
            Parameter("cursor", "The `next` of the page before."),
        ),
    )
    def groups() -> Response:
        most, before = limit(), numbered_cursor()
        state = choice("status", "", ("", *_STATES)) or None
        now = clock.now()
        counting.catch_up()
        with database.read() as transaction:
            rows = query_store.groups(transaction, limit=most + 1, before=before, state=state)
        last = rows[most - 1] if len(rows) > most else None
        following = next_cursor(last.last_seen_at, last.id) if last is not None else None
        return json_response({"groups": [_listed(row, now) for row in rows[:most]], "next": following})

    @room.get("/<int:group_id>")
    @operation(
        "One group: why its errors are one, its life, whom it hurts, and the latest of them",
        {Role.VIEWER},
        parameters=(Parameter("timeRange", "The time in which affected users are counted.", "24h"),),
    )
    def group(group_id: int) -> Response:
        now = clock.now()
        wanted = time_range(now)
        counting.catch_up()
        with database.read() as transaction:
            row = query_store.find_group(transaction, known_id(group_id))
            if row is None:
                raise NotFound(f"there is no error group {group_id}")
            members = life_store.members_of(transaction, [group_id])[group_id]
            latest = query_store.occurrences(transaction, None, limit=PAGE, groups=members)
            answer = {
                **present_group(row),
                **_life(transaction, row, members, now),
                "impact": {
                    **_impact(transaction, members, weddings(), wanted.since, now),
                    **present_range(wanted.since, wanted.until),
                },
                "errors": [present_occurrence(one) for one in latest],
                "similar": similar_groups(transaction, members),
                "groupingKeys": [present_key(key) for key in grouping_store.keys_of(transaction, members, PAGE)],
            }
        return json_response(answer)


def _add_moves(
    room: Blueprint, counting: Counting, moving: Moving, database: Database, clock: Clock, wake: Callable[[], None]
) -> None:
    def moved(
        name: str, group_id: int, model: type[Model], move: Callable[[Transaction, Asked, Model], Moved]
    ) -> Response:
        order, now = _order(model), clock.now()
        asked = Asked(known_id(group_id), order.by or caller().name, order.reason, now)
        # Its releases and its errors so far are part of what a move is measured by.
        counting.catch_up()
        done: list[Moved] = []

        def act(transaction: Transaction) -> dict[str, Any]:
            done.append(move(transaction, asked, order))
            return present_moved(done[-1])

        answer = write_once(database, f"{name}/{group_id}", order, act, now)
        counting.tell([one.turn for one in done])
        if any(one.alarms_ended for one in done):
            wake()
        return answer

    @room.post("/<int:group_id>/resolve")
    @operation("Say that a group is mended: now, in a release, or in the next one", RESPONDERS, body=Resolving)
    def resolve(group_id: int) -> Response:
        return moved("resolve", group_id, Resolving, moving.resolve)

    @room.post("/<int:group_id>/reopen")
    @operation("Go on with a group that was resolved", RESPONDERS, body=Order)
    def reopen(group_id: int) -> Response:
        return moved("reopen", group_id, Order, lambda transaction, asked, _: moving.reopen(transaction, asked))

    @room.post("/<int:group_id>/mute")
    @operation("Raise no alarm for a group, until a time, so many errors or so many users", RESPONDERS, body=Muting)
    def mute(group_id: int) -> Response:
        return moved("mute", group_id, Muting, moving.mute)

    @room.post("/<int:group_id>/unmute")
    @operation("Hear a muted group again", RESPONDERS, body=Order)
    def unmute(group_id: int) -> Response:
        return moved("unmute", group_id, Order, lambda transaction, asked, _: moving.unmute(transaction, asked))

    @room.post("/<int:group_id>/merge")
    @operation("Let a group stand for others, for what was and for what comes", RESPONDERS, body=Merging)
    def merge(group_id: int) -> Response:
        return moved("merge", group_id, Merging, moving.merge)

    @room.post("/<int:group_id>/split")
    @operation("Let merged groups stand for themselves again", RESPONDERS, body=Splitting)
    def split(group_id: int) -> Response:
        return moved("split", group_id, Splitting, moving.split)


def _order(model: type[Model]) -> Model:
    return read_model(request, model) if request.content_length else model.model_validate({})


def _listed(row: Any, now: datetime) -> dict[str, Any]:
    status = row.state or begun(row.first_seen_at, now).state.value
    return {**present_group(row), "status": status}


def _life(transaction: Transaction, row: Any, members: list[int], now: datetime) -> dict[str, Any]:
    kept = life_store.lives_of(transaction, [row.id]).get(row.id)
    errors, first_seen_at, last_seen_at = life_store.totals(transaction, members)
    shown = (
        present_life(begun(row.first_seen_at, now), None, None)
        if kept is None
        else present_life(kept.life, kept.evidence, kept.merged_into)
    )
    return {
        "status": shown["status"],
        "occurrences": errors,
        "firstSeenAt": _shown(first_seen_at),
        "lastSeenAt": _shown(last_seen_at),
        "life": shown,
        "mergedGroups": [str(group) for group in members[1:]],
        "turns": [present_turn(turn) for turn in life_store.turns_of(transaction, members)],
    }


def _shown(moment: datetime | None) -> str | None:
    return format_timestamp(moment) if moment is not None else None


def _impact(
    transaction: Transaction, members: list[int], weddings: WeddingIndex | None, since: datetime, now: datetime
) -> dict[str, Any]:
    places, _ = life_store.whereabouts(transaction, members, now)
    named, lost = upload_store.of_groups(transaction, members)
    return impact(
        users=tally_store.users_of_groups(transaction, members, micros(since)),
        places=places,
        weddings=weddings,
        named=named,
        uploads_lost=lost,
        now=now,
    )
