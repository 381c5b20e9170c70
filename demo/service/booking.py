"""Bookings: a supplier has one wedding a day."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import Any, Final

from flask import Flask, Response, jsonify, make_response

from demo.service.ground import Ground, body, created, identifier, new_service, query_region, refuse, region_of

WORKFLOW: Final = "booking"


def create_booking(ground: Ground) -> Flask:
    """Return the service."""
    app = new_service("booking")
    instrumentation = ground.instrument(app, "booking", WORKFLOW)

    @app.post("/bookings")
    def book() -> Response:
        sent = body()
        region, booking = region_of(sent), identifier(sent, "booking_id")
        supplier, wedding, day = identifier(sent, "supplier_id"), identifier(sent, "wedding_id"), _day(sent)
        with instrumentation.workflow(WORKFLOW, region=region):
            ground.disturb(WORKFLOW, region)
            with ground.database.transaction(WORKFLOW, region) as rows:
                holder = _book(rows, (booking, supplier, day, wedding, region, ground.now()))
        # "Taken" is a right answer of a working service: the attempt above counted as a success.
        if holder != booking:
            return make_response(jsonify(error=f"{supplier} is taken on {day}"), 409)
        return created(booking_id=booking, day=day)

    @app.get("/suppliers/<supplier>/days")
    def days(supplier: str) -> Response:
        region = query_region()
        with instrumentation.workflow(WORKFLOW, region=region):
            ground.disturb(WORKFLOW, region)
            with ground.database.transaction(WORKFLOW, region) as rows:
                found = rows.execute("SELECT day FROM bookings WHERE supplier = ? ORDER BY day", (supplier,)).fetchall()
        return jsonify(taken=[row["day"] for row in found])

    return app


def _book(rows: sqlite3.Connection, booking: tuple[str, ...]) -> str:
    """Return the booking that holds the supplier's day: this one, or the one that was first."""
    rows.execute(
        "INSERT INTO bookings (id, supplier, day, wedding, region, booked_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        booking,
    )
    held = rows.execute("SELECT id FROM bookings WHERE supplier = ? AND day = ?", (booking[1], booking[2])).fetchone()
    return str(held["id"]) if held is not None else ""


def _day(sent: dict[str, Any]) -> str:
    try:
        return date.fromisoformat(sent.get("day", "")).isoformat()
    except (TypeError, ValueError):
        refuse("day must be a date: 2026-06-13")
