"""What the five services stand on, and how each begins a request."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from flask import Flask, Response, abort, jsonify, make_response, request
from werkzeug.exceptions import HTTPException

from demo.service.database import Database
from demo.service.faults import FaultBoard
from demo.service.settings import REGIONS
from exporters.instrumentation import Instrumentation, WorkflowName
from wedsync_core.clock import Clock, format_timestamp

LARGEST_BODY: Final = 4 * 1024 * 1024
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class WorkflowBroken(RuntimeError):
    """The service's own code fails: what the fault `failing` makes happen."""


@dataclass(frozen=True)
class Ground:
    """The parts every service is given."""

    database: Database
    faults: FaultBoard
    clock: Clock
    instrument: Callable[[Flask, str, WorkflowName], Instrumentation]

    def disturb(self, workflow: WorkflowName, region: str) -> None:
        """Let the faults of the service's own code act: hold the request up, or raise WorkflowBroken."""
        now = self.clock.monotonic()
        slow = self.faults.struck("slow", workflow, region, now)
        if slow is not None:
            # Removing the fault lets the requests it holds go on at once.
            slow.removed.wait(slow.order.seconds)
        if self.faults.struck("failing", workflow, region, now) is not None:
            raise WorkflowBroken(f"{workflow} cannot be done: a defect in the code that serves {region}")

    def now(self) -> str:
        """Return the present moment as the database keeps it."""
        return format_timestamp(self.clock.now())


def new_service(name: str) -> Flask:
    """Return an application that answers its refusals as JSON."""
    app = Flask(f"wedsync.{name}", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    # For an unhandled exception too, after it was reported; the text is the framework's and says nothing of the cause.
    app.register_error_handler(HTTPException, lambda error: (jsonify(error=error.description), error.code))
    return app


def body() -> dict[str, Any]:
    """Return the request's JSON object, or answer 400."""
    sent = request.get_json(force=True, silent=True)
    return sent if isinstance(sent, dict) else refuse("send a JSON object")


def refuse(reason: str, status: int = 400) -> NoReturn:
    """Answer with a reason, now."""
    abort(make_response(jsonify(error=reason), status))


def region_of(sent: dict[str, Any]) -> str:
    """Return the venue's region, or answer 400."""
    region = sent.get("region")
    if not isinstance(region, str) or region not in REGIONS:
        refuse(f"region must be one of {', '.join(REGIONS)}")
    return region


def query_region() -> str:
    """Return the venue's region of a reading request, or answer 400."""
    return region_of(dict(request.args))


def identifier(sent: dict[str, Any], name: str) -> str:
    """Return an identifier that the client chose, so that a repeat is known as one; or answer 400."""
    value = sent.get(name)
    if isinstance(value, str) and _IDENTIFIER.fullmatch(value):
        return value
    refuse(f"{name} must be 1 to 64 letters, digits, - or _")


def text(sent: dict[str, Any], name: str, longest: int = 2_000) -> str:
    """Return a text of the request, or answer 400."""
    value = sent.get(name)
    if isinstance(value, str) and 0 < len(value) <= longest and encodable(value):
        return value
    refuse(f"{name} must be a text of 1 to {longest} characters")


def encodable(value: str) -> bool:
    """Whether UTF-8, and so the database, can hold the text."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def created(**fields: Any) -> Response:
    """Answer 201."""
    return make_response(jsonify(fields), 201)
