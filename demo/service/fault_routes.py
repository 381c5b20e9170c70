"""`/faults`: set, list and end faults. Open to whoever reaches the port, loopback by default: it is a demonstration."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request

from demo.service.faults import FaultBoard, FaultInvalid, parse_order
from demo.service.settings import REGIONS
from wedsync_core.clock import Clock


def fault_routes(faults: FaultBoard, clock: Clock) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("faults", __name__)

    @routes.get("/faults")
    def listed() -> Response:
        return jsonify(faults=[fault.as_json() for fault in faults.in_force(clock.monotonic())])

    @routes.post("/faults")
    def add() -> Response:
        asked: Any = request.get_json(force=True, silent=True)
        try:
            fault = faults.add(parse_order(asked, frozenset(REGIONS)), clock.monotonic())
        except FaultInvalid as error:
            return make_response(jsonify(error=str(error)), 400)
        return make_response(jsonify(fault.as_json()), 201)

    @routes.delete("/faults")
    def clear() -> Response:
        named = request.args
        unknown = set(named) - {"fault", "workflow", "region"}
        if unknown:
            return make_response(jsonify(error=f"there is no field {min(unknown)!r}"), 400)
        return jsonify(removed=faults.clear(named.get("fault"), named.get("workflow"), named.get("region")))

    @routes.delete("/faults/<number>")
    def remove(number: str) -> Response:
        if faults.remove(number):
            return jsonify(removed=1)
        return make_response(jsonify(error="no such fault is in force"), 404)

    return routes
