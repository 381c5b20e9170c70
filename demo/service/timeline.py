"""Timelines: who is where at which minute of the day."""

from __future__ import annotations

import re
from typing import Any, Final

from flask import Flask, Response, jsonify

from demo.service.ground import Ground, body, created, identifier, new_service, query_region, refuse, region_of, text

WORKFLOW: Final = "timeline"
_MINUTE: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


def create_timeline(ground: Ground) -> Flask:
    """Return the service."""
    app = new_service("timeline")
    instrumentation = ground.instrument(app, "timeline", WORKFLOW)

    @app.get("/weddings/<wedding>/timeline")
    def read(wedding: str) -> Response:
        region = query_region()
        with instrumentation.workflow(WORKFLOW, region=region):
            ground.disturb(WORKFLOW, region)
            with ground.database.transaction(WORKFLOW, region) as rows:
                found = rows.execute(
                    "SELECT id, starts, what, changed_at FROM timeline_entries WHERE wedding = ? ORDER BY starts, id",
                    (wedding,),
                ).fetchall()
        return jsonify(timeline=[dict(entry) for entry in found])

    @app.put("/weddings/<wedding>/timeline/<entry>")
    def change(wedding: str, entry: str) -> Response:
        sent = body()
        region, starts, what = region_of(sent), _minute(sent), text(sent, "what", 200)
        names = {"wedding": wedding, "entry": entry}
        identifier(names, "wedding")
        identifier(names, "entry")
        with instrumentation.workflow(WORKFLOW, region=region):
            ground.disturb(WORKFLOW, region)
            with ground.database.transaction(WORKFLOW, region) as rows:
                rows.execute(
                    "INSERT INTO timeline_entries (id, wedding, region, starts, what, changed_at)"
                    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                    " SET starts = excluded.starts, what = excluded.what, changed_at = excluded.changed_at",
                    (f"{wedding}.{entry}", wedding, region, starts, what, ground.now()),
                )
        return created(entry=entry, starts=starts)

    return app


def _minute(sent: dict[str, Any]) -> str:
    starts = sent.get("starts")
    if not isinstance(starts, str) or not _MINUTE.fullmatch(starts):
        refuse("starts must be a time of day: 15:30")
    return starts
