"""The routes of the ledger of uploads: what is lost and must be driven again, and the word that one is safe."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from exporters.errors import upload_store
from exporters.errors.counting import Counting
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.orders import Recovering
from exporters.errors.presentation import present_upload
from exporters.errors.questions import LARGEST_PAGE, PAGE, choice, cursor, invalid, limit, next_cursor
from exporters.errors.replay import write_once
from wedsync_core.clock import Clock
from wedsync_core.problems import NotFound
from wedsync_core.redaction import redact_text
from wedsync_core.storage import Database, Transaction
from wedsync_core.telemetry.logs import get_log
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Role
from wedsync_core.web.limits import read_model
from wedsync_core.web.operations import Parameter, operation
from wedsync_core.web.responses import json_response

LONGEST_ID = 200


def create_uploads_blueprint(
    *, counting: Counting, database: Database, clock: Clock, metrics: ErrorMetrics
) -> Blueprint:
    """Return the routes under ``/api/monitoring/errors/uploads``."""
    room = Blueprint("error_uploads", __name__, url_prefix=f"{API}/errors/uploads")
    log = get_log("errors")

    @room.get("")
    @operation(
        "Uploads that failed and are lost until they are driven again, those waiting longest first",
        {Role.VIEWER},
        parameters=(
            Parameter("status", "Lost ones, or those that were recovered.", "lost", ("lost", "recovered")),
            Parameter("weddingId", "Only of this wedding."),
            Parameter("region", "Only of this region."),
            Parameter("limit", f"How many, up to {LARGEST_PAGE}.", str(PAGE)),
            Parameter("cursor", "The `next` of the page before."),
        ),
    )
    def uploads() -> Response:
        most, after = limit(), cursor()
        status = choice("status", "lost", ("lost", "recovered"))
        counting.catch_up()
        with database.read() as transaction:
            rows = upload_store.listed(
                transaction,
                recovered=status == "recovered",
                wedding_id=request.args.get("weddingId"),
                region=request.args.get("region"),
                after=after,
                limit=most + 1,
            )
            lost, weddings = upload_store.count_lost(transaction)
        last = rows[most - 1] if len(rows) > most else None
        return json_response(
            {
                "uploads": [present_upload(row) for row in rows[:most]],
                "lost": lost,
                "weddingsWithLosses": weddings,
                "next": next_cursor(last.failed_at, last.upload_id) if last is not None else None,
            }
        )

    @room.get("/<upload_id>")
    @operation("One upload of the ledger", {Role.VIEWER})
    def upload(upload_id: str) -> Response:
        counting.catch_up()
        with database.read() as transaction:
            row = upload_store.find(transaction, _known(upload_id))
        if row is None:
            raise NotFound("there is no such upload in the ledger")
        return json_response(present_upload(row))

    @room.post("/<upload_id>/recovered")
    @operation(
        "Say that an upload is safe; one that is not known yet is remembered as safe",
        {Role.INGEST, Role.RESPONDER},
        body=Recovering,
        example={"recovered": True, "uploadId": "u-812", "status": "recovered"},
    )
    def recovered(upload_id: str) -> Response:
        known, now = _known(upload_id), clock.now()
        order = read_model(request, Recovering) if request.content_length else Recovering()
        by = order.by or caller().name
        counting.catch_up()
        news: list[bool] = []

        def act(transaction: Transaction) -> dict[str, Any]:
            row, fresh = upload_store.recover(transaction, known, by=by, note=order.reason, at=now)
            news.append(fresh and row.failed_at is not None)
            return {"recovered": True, "wasLost": news[-1], **present_upload(row)}

        answer = write_once(database, f"recovered/{known}"[:100], order, act, now)
        if any(news):
            metrics.uploads_recovered.inc()
            log.info("upload_recovered", by=by)
        return answer

    return room


def _known(upload_id: str) -> str:
    """Return the id as the ledger has it: what was redacted in the report is redacted here."""
    text = redact_text(upload_id.strip())
    if not 0 < len(text) <= LONGEST_ID:
        raise invalid("upload_id", f"must be 1 to {LONGEST_ID} characters")
    return text
