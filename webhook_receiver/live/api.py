"""The WebSocket's route: the handshake is answered here, then the connection belongs to the hub."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol

from webhook_receiver.live.connection import LARGEST_WISH
from webhook_receiver.live.hub import LISTENERS, Hub
from webhook_receiver.live.metrics import LiveMetrics
from webhook_receiver.live.tickets import Tickets
from wedsync_core.clock import format_timestamp
from wedsync_core.problems import Forbidden, Malformed, Problem, Unauthenticated, Unavailable
from wedsync_core.web.application import API, caller
from wedsync_core.web.auth import Principal, Tokens, require_role
from wedsync_core.web.operations import Parameter, operation
from wedsync_core.web.responses import json_response

SEND_BUFFER = 64 * 1024


class UpgradeNeeded(Problem):
    """The route speaks WebSocket only."""

    status, title = 426, "WebSocket needed"


class Handed(Response):
    """The answer of a request whose connection was handed over: nothing more is written to it."""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Tell gunicorn that this connection is over for it."""
        del environ, start_response
        raise StopIteration


def create_live_blueprint(
    *, hub: Hub, tickets: Tickets, tokens: Tokens, origins: frozenset[str], metrics: LiveMetrics
) -> Blueprint:
    """Return the routes ``/ws`` and ``/ws/tickets``. ``origins``: whose pages may listen."""
    room = Blueprint("live", __name__, url_prefix=f"{API}/ws")

    @room.post("/tickets")
    @operation(
        "A one-use ticket for the WebSocket",
        LISTENERS,
        example={"ticket": "s0me-random-text", "expiresAt": "2026-06-13T14:00:30Z"},
    )
    def give() -> Response:
        ticket = tickets.give(caller())
        answer = {"ticket": ticket.text, "expiresAt": format_timestamp(ticket.expires_at)}
        return json_response(answer, 201)

    @room.get("")
    @operation("Says that the WebSocket is spoken here", LISTENERS)
    def explain() -> Response:
        raise UpgradeNeeded("this address speaks WebSocket", headers={"Upgrade": "websocket"})

    # Werkzeug tells requests for an upgrade from all others by the rule.
    @room.get("", websocket=True)
    @operation(
        "The WebSocket: alerts, incidents and recorded metrics as they change",
        set(),
        parameters=(Parameter("ticket", "From `POST /ws/tickets`; a client that can sends its bearer token instead."),),
    )
    def listen() -> Response:
        try:
            protocol = _handshake(origins)
            principal = _admit(tickets, tokens)
            if hub.full():
                raise Unavailable("as many listen as may; try again shortly")
        except Problem as problem:
            metrics.refused.labels(_reason(problem)).inc()
            raise
        hub.serve(_take_over(), protocol, principal)
        return Handed(status=HTTPStatus.SWITCHING_PROTOCOLS)

    return room


def _handshake(origins: frozenset[str]) -> ServerProtocol:
    """Return the protocol with its answer to the handshake ready; raises Malformed and Forbidden."""
    origin = request.headers.get("Origin")
    # A program sends no Origin; a page always does, and must be one of ours.
    if origin is not None and origin.rstrip("/").lower() not in origins:
        raise Forbidden("pages of this origin may not listen")
    protocol = ServerProtocol(max_size=LARGEST_WISH)
    # The protocol wants to read the request itself: it is written down for it as it came.
    asked = Request(request.full_path, Headers(request.headers.to_wsgi_list()))
    protocol.receive_data(asked.serialize())
    protocol.events_received()
    answer = protocol.accept(asked)
    if answer.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        raise Malformed(f"this is no WebSocket handshake: {protocol.handshake_exc}")
    protocol.send_response(answer)
    return protocol


def _admit(tickets: Tickets, tokens: Tokens) -> Principal:
    ticket = request.args.get("ticket")
    authorization = request.headers.get("Authorization")
    principal = tokens.principal_of(authorization) if ticket is None else tickets.take(ticket)
    require_role(principal, LISTENERS)
    return principal


def _take_over() -> socket.socket:
    """Return the request's connection, taken from gunicorn, which is left with the end of another to close."""
    theirs = request.environ.get("gunicorn.socket")
    if not isinstance(theirs, socket.socket):
        raise Unavailable("this server cannot hand its connections over")
    ours = theirs.dup()
    # What waits for a slow listener is to wait where it is counted, not in the kernel.
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    left, right = socket.socketpair()
    with left, right:
        os.dup2(left.fileno(), theirs.fileno(), inheritable=False)
    return ours


def _reason(problem: Problem) -> str:
    match problem:
        case Unauthenticated():
            return "ticket"
        case Forbidden() if "origin" in str(problem):
            return "origin"
        case Forbidden():
            return "role"
        case Unavailable():
            return "full"
        case _:
            return "protocol"
