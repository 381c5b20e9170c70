"""The fake third party: a payment provider at the other end of a real HTTP call."""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, request

from demo.service.faults import FaultBoard
from wedsync_core.clock import Clock


def provider_routes(faults: FaultBoard, clock: Clock) -> Blueprint:
    """Return the provider's one route. It charges each id once: the same id has the same charge."""
    routes = Blueprint("provider", __name__)

    @routes.post("/provider/charges")
    def charge() -> Response:
        asked: Any = request.get_json(force=True, silent=True)
        if not isinstance(asked, dict) or not isinstance(asked.get("id"), str):
            return make_response(jsonify(error="send a charge with an id"), 400)
        region = asked.get("region") if isinstance(asked.get("region"), str) else None
        if faults.struck("third_party_down", "payment", region, clock.monotonic()) is not None:
            return make_response(jsonify(error="maintenance"), 503, {"Retry-After": "30"})
        charge_id = "ch_" + hashlib.sha256(asked["id"].encode("utf-8", "replace")).hexdigest()[:24]
        return make_response(jsonify(charge_id=charge_id), 201)

    return routes
