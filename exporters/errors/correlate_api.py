"""The route that finds related errors."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any

from flask import Blueprint, Response, request
from pydantic import BaseModel, ConfigDict, Field

from exporters.errors import grouping_store, query_store
from exporters.errors.correlation import Correlated, Known, Limits, combined_impact, correlate, story
from exporters.errors.presentation import present_occurrence
from exporters.errors.similarity import likeness
from wedsync_core.clock import format_timestamp
from wedsync_core.problems import NotFound
from wedsync_core.severity import Severity
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.application import API
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import operation
from wedsync_core.web.responses import json_response

MOST_LOOKED_AT = 300
"""Errors of the trace, and errors on each side in time."""
MOST_TOLD = 100


class Asking(BaseModel):
    """Which error, how near in time (milliseconds) and how alike; the defaults are the specification's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    errorId: Annotated[str, Field(min_length=1, max_length=64)]  # noqa: N815 - the specification's name
    timeWindow: Annotated[int, Field(ge=1, le=3_600_000)] = 300_000  # noqa: N815
    contextSimilarity: Annotated[float, Field(ge=0, le=1)] = 0.8  # noqa: N815
    stackTraceSimilarity: Annotated[float, Field(ge=0, le=1)] = 0.7  # noqa: N815


def create_correlation_blueprint(*, database: Database) -> Blueprint:
    """Return ``POST /api/monitoring/errors/correlate``."""
    room = Blueprint("error_correlation", __name__, url_prefix=f"{API}/errors")

    @room.post("/correlate")
    @operation("Errors that belong to one story with an error, and what they do together", {Role.VIEWER}, body=Asking)
    def related() -> Response:
        asked = read_model(request, Asking)
        limits = Limits(timedelta(milliseconds=asked.timeWindow), asked.contextSimilarity, asked.stackTraceSimilarity)
        with database.read() as transaction:
            answer = _answer(transaction, asked.errorId.replace("-", "").lower(), limits)
        return json_response(answer)

    return room


def _answer(transaction: Transaction, event_id: str, limits: Limits) -> dict[str, Any]:
    row = query_store.find_occurrence(transaction, event_id)
    if row is None:
        raise NotFound(f"there is no error {event_id}")
    rows = {one.event_id: one for one in query_store.around(transaction, row, limits.window, MOST_LOOKED_AT)}
    base = _known(row)
    alike = _likeness_to(transaction, base.group, {one.group_id for one in rows.values()})
    found = correlate(base, map(_known, rows.values()), limits, lambda group: alike.get(group, 0.0))
    impact = combined_impact(base, found)
    return {
        "baseError": present_occurrence(row),
        "correlatedErrors": [_told(one, rows[one.error.event_id]) for one in found[:MOST_TOLD]],
        "impactAssessment": {
            **impact,
            "firstAt": format_timestamp(impact["firstAt"]),
            "lastAt": format_timestamp(impact["lastAt"]),
        },
        "story": [
            {
                "errorId": one.event_id,
                "groupId": str(one.group),
                "level": one.level,
                "severity": one.severity.value,
                "service": one.context.get("service"),
                "errorType": one.context.get("error_type"),
                "at": format_timestamp(one.at),
            }
            for one in story(base, found)
        ],
    }


def _told(one: Correlated, row: Any) -> dict[str, Any]:
    return {
        **present_occurrence(row),
        "relation": one.relation.value,
        "contextSimilarity": round(one.context, 3),
        "stackTraceSimilarity": round(one.stack, 3),
    }


def _known(row: Any) -> Known:
    names = ("route", "release", "service", "region", "user", "error_type")
    return Known(
        row.event_id,
        row.group_id,
        row.occurred_at,
        row.level,
        Severity(row.severity),
        row.trace_id,
        {name: getattr(row, name) or "" for name in names},
        tuple(row.report.get("affects") or ()),
    )


def _likeness_to(transaction: Transaction, group: int, others: Iterable[int]) -> dict[int, float]:
    """Return how like the stacks of other groups are to a group's, each by the most like of their keys."""
    own = grouping_store.outlines_of(transaction, [group])[:3]
    best: dict[int, float] = {}
    for other in sorted({*others} - {group})[:MOST_LOOKED_AT] if own else ():
        for candidate in grouping_store.outlines_of(transaction, [other])[:3]:
            alike = max(likeness(mine.outline, candidate.outline, lambda _: 1.0) for mine in own)
            best[other] = max(best.get(other, 0.0), alike)
    return best
