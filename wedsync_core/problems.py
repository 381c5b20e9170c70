"""The one family of errors that reaches a client: RFC 9457 problem documents that name the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROBLEM_MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class FieldProblem:
    """One thing wrong with one field. ``field`` is a dotted path: ``errors.3.level``."""

    field: str
    message: str

    def as_json(self) -> dict[str, str]:
        """Return the member of the ``errors`` list of a problem document."""
        return {"field": self.field, "message": self.message}


class Problem(Exception):
    """A refusal or a failure that a client is told about.

    ``retryable`` says whether the same request can succeed later; it becomes the ``retryable`` member.
    """

    status = 500
    title = "Internal error"
    retryable = False

    def __init__(self, detail: str, *fields: FieldProblem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.fields = fields
        self.headers = dict(headers or {})

    def as_json(self) -> dict[str, Any]:
        """Return the problem document's members."""
        document: dict[str, Any] = {
            "type": f"urn:wedsync:problem:{type(self).__name__}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "retryable": self.retryable,
        }
        if self.fields:
            document["errors"] = [field.as_json() for field in self.fields]
        return document


class Malformed(Problem):
    """The body is not what its media type says."""

    status, title = 400, "Malformed request"


class Unauthenticated(Problem):
    """No credential, or one that nobody holds."""

    status, title = 401, "Credential needed"


class Forbidden(Problem):
    """A known caller without the role."""

    status, title = 403, "Role needed"


class NotFound(Problem):
    """No such thing."""

    status, title = 404, "Not found"


class Conflict(Problem):
    """The thing is not in a state that allows this."""

    status, title = 409, "Conflict"


class TooLarge(Problem):
    """More bytes than the route takes."""

    status, title = 413, "Too large"


class Invalid(Problem):
    """Well-formed, but a field is wrong; ``errors`` names each."""

    status, title = 422, "Invalid field"


class Unavailable(Problem):
    """Something we need is not there now; the same request may succeed soon."""

    status, title, retryable = 503, "Try again shortly", True
