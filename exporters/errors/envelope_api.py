"""The routes that Sentry's SDKs report to, by a DSN of ours: envelopes, and the older store."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from exporters.errors.admission import Admission, OverQuota
from exporters.errors.contract import ErrorReport, Refused, Submission, read_report
from exporters.errors.envelope import Envelope, Item, discarded, event_id_of, header_key, read_envelope, read_event
from exporters.errors.envelope_event import Origin, report_members
from exporters.errors.intake import ErrorIntake, Taken
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.oversize import trace_of
from exporters.errors.quota import Over, Source, rate_limits
from wedsync_core.clock import Clock
from wedsync_core.problems import Forbidden, Malformed, TooLarge
from wedsync_core.settings.errors import ErrorProject
from wedsync_core.web.encodings import Oversize, read_inflated
from wedsync_core.web.limits import MIB
from wedsync_core.web.operations import operation
from wedsync_core.web.responses import json_response

LARGEST_BODY = 5 * MIB
"""As sent. Attachments come in the same envelope."""
LARGEST_INFLATED = 20 * MIB
LARGEST_EVENT = 1 * MIB
SMALL_BODY = 64 * 1024
"""Bytes as sent that are read from a project without quota: something in them may count against none."""
PREFLIGHT_SECONDS = 3600

_CORS: Mapping[str, str] = {
    "Access-Control-Allow-Origin": "*",
    # Without this a browser hides the limits from the SDK, which then goes on sending.
    "Access-Control-Expose-Headers": "x-sentry-error, x-sentry-rate-limits, retry-after",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PREFLIGHT: Mapping[str, str] = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "x-sentry-auth, x-requested-with, x-forwarded-for, origin, referer, accept, "
    "content-type, content-encoding, transfer-encoding, authentication, authorization, sentry-trace, baggage",
    "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
}


@dataclass(frozen=True)
class Project:
    """A project under its name in the settings."""

    name: str
    settings: ErrorProject

    @property
    def source(self) -> Source:
        """Whom its reports are counted against."""
        return Source(Over.PROJECT, self.name)

    @property
    def origin(self) -> Origin:
        """What is known of everything that comes with its key."""
        return Origin(self.settings.service, self.settings.level, self.settings.region)

    def knows(self, key: str) -> bool:
        """Tell whether a public key is one of this project's."""
        # Every key is compared: how long it takes tells nothing.
        found = [hmac.compare_digest(own.encode(), key.encode("utf-8", "replace")) for own in self.settings.public_keys]
        return any(found)


class EnvelopeDoor:
    """Takes what a project's SDKs send."""

    def __init__(
        self,
        *,
        projects: Mapping[str, ErrorProject],
        intake: ErrorIntake,
        admission: Admission,
        clock: Clock,
        metrics: ErrorMetrics,
    ) -> None:
        self._projects = {str(project.id): Project(name, project) for name, project in projects.items()}
        self._intake = intake
        self._admission = admission
        self._clock = clock
        self._metrics = metrics

    def envelope(self, project_id: str) -> Response:
        """Take an envelope."""
        key = _key()
        project = self._let_in(project_id, key) if key else None
        if project is not None:
            self._before_reading(project)
        try:
            body = read_inflated(request, wire=LARGEST_BODY, inflated=LARGEST_INFLATED)
        except Oversize as oversize:
            # Only whoever has shown a key may leave a trace.
            raise self._traced(self._let_in(project_id, key), oversize) from oversize
        envelope = self._read(body)
        if project is None:
            project = self._let_in(project_id, envelope.dsn_key)
            self._before_reading(project)
        return self._answer(project, envelope)

    def store(self, project_id: str) -> Response:
        """Take one event, as old SDKs send it."""
        project = self._let_in(project_id, _key())
        self._before_reading(project)
        try:
            body = read_inflated(request, wire=LARGEST_EVENT, inflated=LARGEST_EVENT)
        except Oversize as oversize:
            raise self._traced(project, oversize) from oversize
        return self._answer(project, Envelope(None, "", (Item("event", body),)))

    def _read(self, body: bytes) -> Envelope:
        try:
            return read_envelope(body)
        except Malformed:
            self._metrics.refused.labels("malformed").inc()
            raise

    def _answer(self, project: Project, envelope: Envelope) -> Response:
        started = self._clock.monotonic()
        try:
            reports = [report for item in envelope.items for report in self._reports(project, envelope, item)]
            self._admission.admit(project.source, reports)
            receipt = self._intake.take(Submission(reports, single=False))
        finally:
            self._metrics.seconds.observe(self._clock.monotonic() - started)
        taken = [item.error.event_id for item in receipt.items if isinstance(item, Taken)]
        event_id = envelope.event_id or next(iter(taken), None)
        full = self._admission.used_up(project.source)
        headers = {"X-Sentry-Rate-Limits": rate_limits(full)} if full is not None else {}
        return json_response({"id": event_id} if event_id else {}, headers=headers)

    def _reports(self, project: Project, envelope: Envelope, item: Item) -> Iterator[ErrorReport | Refused]:
        """Yield the report of an event; everything else is counted and thrown away."""
        outcome = "discarded"
        if item.type == "event":
            report, outcome = self._event(project, envelope, item), "taken"
            yield report
        elif item.type == "client_report":
            outcome = "taken" if self._client_report(item.payload) else "unreadable"
        self._metrics.envelope_items.labels(item.label, outcome).inc()

    def _event(self, project: Project, envelope: Envelope, item: Item) -> ErrorReport | Refused:
        if len(item.payload) > LARGEST_EVENT:
            self._metrics.oversize.labels("event").inc()
            reason = f"the event has {len(item.payload)} bytes; {LARGEST_EVENT} are taken at most"
            trace = self._trace(project, item.payload[: 64 * 1024], reason)
            return read_report(trace | {"event_id": envelope.event_id})
        try:
            event = read_event(item)
        except Malformed:
            self._metrics.refused.labels("malformed").inc()
            self._metrics.envelope_items.labels(item.label, "unreadable").inc()
            raise
        event_id = event_id_of(event) or envelope.event_id
        return read_report(report_members(event, project.origin, event_id))

    def _client_report(self, payload: bytes) -> bool:
        try:
            counts: Mapping[tuple[str, str], int] = Counter(discarded(payload))
        except Malformed:
            return False
        for (reason, category), quantity in counts.items():
            self._metrics.client_discarded.labels(reason, category).inc(quantity)
        return True

    def _let_in(self, project_id: str, key: str) -> Project:
        project = self._projects.get(project_id)
        if project is None or not project.knows(key):
            self._metrics.refused.labels("unknown_key").inc()
            # One answer for both: it tells nobody which projects there are.
            sentence = "there is no such project with this public key"
            raise Forbidden(sentence, headers={"X-Sentry-Error": sentence})
        return project

    def _before_reading(self, project: Project) -> None:
        # Reports of what a client threw away are small, and come most of all when its quota is used up.
        small = (request.content_length or 0) <= SMALL_BODY
        try:
            self._admission.before_reading(None if small else project.source)
        except OverQuota:
            # What is not read would be taken for the next request of the same connection.
            read_and_forget()
            raise

    def _trace(self, project: Project, head: bytes, reason: str) -> dict[str, Any]:
        origin = project.origin
        return trace_of(head, reason, service=origin.service, level=origin.level)

    def _traced(self, project: Project, oversize: Oversize) -> TooLarge:
        self._metrics.refused.labels("too_large").inc()
        self._metrics.oversize.labels("inflated" if oversize.inflated else "body").inc()
        report = read_report(self._trace(project, oversize.head, oversize.detail))
        self._admission.admit(project.source, [report])
        self._intake.take(Submission([report], single=True))
        return TooLarge(oversize.detail, headers={"X-Sentry-Error": "too large; a trace of it is kept"})


def read_and_forget() -> None:
    """Read what the client is still sending, up to the size of a body that would have been taken."""
    left = LARGEST_BODY
    request.max_content_length = None
    while left > 0 and (piece := request.stream.read(64 * 1024)):
        left -= len(piece)


def create_envelope_blueprint(door: EnvelopeDoor) -> Blueprint:
    """Return the routes under ``/api/<project>``. Their key is the project's, never a bearer token."""
    room = Blueprint("envelopes", __name__, url_prefix="/api/<project_id>")

    @room.after_request
    def allow_browsers(response: Response) -> Response:
        response.headers.update(_CORS)
        return response

    @room.post("/envelope/", strict_slashes=False, provide_automatic_options=False)
    @operation("Take an envelope of a Sentry SDK (public key of a project)", set(), example={"id": "9ec7…"})
    def envelope(project_id: str) -> Response:
        return door.envelope(project_id)

    @room.post("/store/", strict_slashes=False, provide_automatic_options=False)
    @operation("Take an event of an old Sentry SDK (public key of a project)", set(), example={"id": "9ec7…"})
    def store(project_id: str) -> Response:
        return door.store(project_id)

    @room.route("/envelope/", methods=["OPTIONS"], strict_slashes=False, provide_automatic_options=False)
    @room.route("/store/", methods=["OPTIONS"], strict_slashes=False, provide_automatic_options=False)
    @operation("Tell a browser that it may send", set())
    def preflight(project_id: str) -> Response:  # noqa: ARG001 - every project may ask
        return Response(status=204, headers=dict(_PREFLIGHT))

    return room


def _key() -> str:
    """Return the public key that the request shows by header or query; nothing when it may be in the envelope."""
    return (
        header_key(request.headers.get("X-Sentry-Auth"))
        or header_key(request.headers.get("Authorization"))
        or request.args.get("sentry_key", "")
    )
