"""Photos: guests and photographers upload what cannot be taken twice."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, Final

from flask import Flask, Response, jsonify

from demo.service.ground import Ground, body, created, identifier, new_service, query_region, refuse, region_of, text
from demo.service.integrity import Integrity

WORKFLOW: Final = "photo_upload"


def create_photos(ground: Ground) -> tuple[Flask, Integrity]:
    """Return the service and the check of what it stored."""
    app = new_service("photos")
    instrumentation = ground.instrument(app, "photos", WORKFLOW)
    integrity = Integrity(ground, instrumentation)

    @app.post("/uploads")
    def upload() -> Response:
        sent = body()
        region, photo = region_of(sent), identifier(sent, "photo_id")
        wedding, filename = identifier(sent, "wedding_id"), text(sent, "filename", 200)
        content = _content(sent)
        checksum = hashlib.sha256(content).hexdigest()
        with instrumentation.workflow(WORKFLOW, region=region):
            ground.disturb(WORKFLOW, region)
            with ground.database.transaction(WORKFLOW, region) as rows:
                known = rows.execute("SELECT checksum FROM photos WHERE id = ?", (photo,)).fetchone()
                if known is not None and known["checksum"] != checksum:
                    refuse("this photo_id was used for another photo", 409)
                # A repeat stores the bytes again: if they were lost, the user's second try must mend it.
                rows.execute(
                    "INSERT INTO photos (id, wedding, region, filename, checksum, size, uploaded_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                    " SET uploaded_at = excluded.uploaded_at, verified_at = NULL, lost_at = NULL",
                    (photo, wedding, region, filename, checksum, len(content), ground.now()),
                )
                rows.execute("INSERT OR REPLACE INTO photo_bytes (photo, content) VALUES (?, ?)", (photo, content))
            answer = created(photo_id=photo, checksum=checksum, size=len(content))
        _lose(ground, photo, region)
        return answer

    @app.get("/uploads/<photo>")
    def read(photo: str) -> Response:
        region = query_region()
        with ground.database.transaction(WORKFLOW, region) as rows:
            found = rows.execute(
                "SELECT p.*, b.content FROM photos p LEFT JOIN photo_bytes b ON b.photo = p.id WHERE p.id = ?",
                (photo,),
            ).fetchone()
        if found is None:
            refuse("there is no such photo", 404)
        if not integrity.sound(found):
            integrity.notice([found])
            refuse("this photo was taken in and is gone; the team has been told", 410)
        return jsonify(photo_id=photo, filename=found["filename"], checksum=found["checksum"], size=found["size"])

    return app, integrity


def _content(sent: dict[str, Any]) -> bytes:
    try:
        content = base64.b64decode(sent.get("content_base64", ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        content = b""
    return content or refuse("content_base64 must be the photo's bytes in base 64")


def _lose(ground: Ground, photo: str, region: str) -> None:
    """Drop the bytes of a photo that is already acknowledged, if the fault `data_loss` strikes it."""
    if ground.faults.struck("data_loss", WORKFLOW, region, ground.clock.monotonic()) is not None:
        with ground.database.transaction(WORKFLOW, region) as rows:
            rows.execute("DELETE FROM photo_bytes WHERE photo = ?", (photo,))
