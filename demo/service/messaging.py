"""Messages between a couple and their suppliers."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, jsonify

from demo.service.ground import Ground, body, created, identifier, new_service, query_region, region_of, text

WORKFLOW: Final = "messaging"


def create_messaging(ground: Ground) -> Flask:
    """Return the service."""
    app = new_service("messaging")
    instrumentation = ground.instrument(app, "messaging", WORKFLOW)

    @app.post("/weddings/<wedding>/messages")
    def send(wedding: str) -> Response:
        sent = body()
        region, message = region_of(sent), identifier(sent, "message_id")
        identifier({"wedding": wedding}, "wedding")
        sender, words = text(sent, "sender", 200), text(sent, "text")
        with instrumentation.workflow(WORKFLOW, region=region):
            ground.disturb(WORKFLOW, region)
            with ground.database.transaction(WORKFLOW, region) as rows:
                rows.execute(
                    "INSERT INTO messages (id, wedding, region, sender, text, sent_at) VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (id) DO NOTHING",
                    (message, wedding, region, sender, words, ground.now()),
                )
        return created(message_id=message)

    @app.get("/weddings/<wedding>/messages")
    def read(wedding: str) -> Response:
        region = query_region()
        with instrumentation.workflow(WORKFLOW, region=region):
            ground.disturb(WORKFLOW, region)
            with ground.database.transaction(WORKFLOW, region) as rows:
                found = rows.execute(
                    "SELECT id, sender, text, sent_at FROM messages WHERE wedding = ? ORDER BY sent_at DESC LIMIT 50",
                    (wedding,),
                ).fetchall()
        return jsonify(messages=[dict(message) for message in reversed(found)])

    return app
