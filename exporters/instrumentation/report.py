"""What one error report says. Pure: an exception and its circumstances in, the JSON of `POST /errors` out.

No headers, no bodies, no query values and no local variables are ever part of it: only method, route and path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from traceback import TracebackException
from typing import Any, Final, Literal

from exporters.instrumentation.labels import encodable
from wedsync_core.clock import format_timestamp

ReportType = Literal["service_failure", "data_loss", "performance_degradation", "error_spike", "error"]
Level = Literal["frontend", "api", "database", "third_party"]

MOST_FRAMES: Final = 60
LONGEST_TEXT: Final = 2_000
LONGEST_STACK: Final = 16_000
"""Characters. Twenty reports of this size stay under half a megabyte in one request."""
LONGEST_CHAIN: Final = 20
MOST_ITEMS: Final = 50
DEEPEST: Final = 5
"""Levels and items of what a service adds in `user_context` and `tags`."""

_DATABASE_LIBRARIES: Final = frozenset({"sqlite3", "sqlalchemy", "psycopg", "psycopg2", "pymysql", "asyncpg"})
_CLIENT_LIBRARIES: Final = frozenset({"requests", "urllib3", "httpx", "aiohttp", "smtplib"})


@dataclass(frozen=True)
class Origin:
    """The service that reports."""

    service: str
    release: str = ""
    environment: str = ""


@dataclass(frozen=True)
class Circumstances:
    """Where in the service it happened; `region` is None when unknown, `method` and `path` outside a request."""

    type: ReportType = "error"
    level: Level = "api"
    affects: tuple[str, ...] = ()
    region: str | None = None
    route: str | None = None
    method: str | None = None
    path: str | None = None
    trace_id: str | None = None
    user_context: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it was raised from or while handling, outermost first."""
    current: BaseException | None = error
    for _ in range(LONGEST_CHAIN):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__


def level_of(error: BaseException) -> Level:
    """Return the level an exception speaks of, from the library that raised it or its cause; `api` if none is known."""
    for cause in causes(error):
        library = type(cause).__module__.partition(".")[0]
        if library in _DATABASE_LIBRARIES:
            return "database"
        if library in _CLIENT_LIBRARIES:
            return "third_party"
    return "api"


def build_report(
    error: BaseException, origin: Origin, circumstances: Circumstances, *, event_id: str, at: datetime
) -> dict[str, Any]:
    """Return the report; `event_id` is 32 hex digits. Text is cut to size and made encodable.

    Raises ValueError for a naive `at`.
    """
    described = TracebackException.from_exception(error, limit=-MOST_FRAMES)
    # str() of the description is the exception's own text, or a note that its __str__ failed.
    message = str(described)
    stack = "".join(described.format())
    if len(stack) > LONGEST_STACK:
        stack = "(beginning cut)\n" + stack[-LONGEST_STACK:]
    request_data = {}
    if circumstances.method is not None:
        request_data = {"method": circumstances.method, "url": circumstances.path}
    return {
        "event_id": event_id,
        "error_type": type(error).__name__,
        "message": plain(message),
        "level": circumstances.level,
        "service": origin.service,
        "type": circumstances.type,
        "affects": list(circumstances.affects),
        "region": circumstances.region,
        "route": circumstances.route,
        "release": origin.release,
        "environment": origin.environment,
        "timestamp": format_timestamp(at),
        "stack_trace": encodable(stack),
        "user_context": plain(circumstances.user_context),
        "request_data": plain(request_data),
        "trace_id": circumstances.trace_id,
        "tags": plain(circumstances.tags),
    }


def plain(value: Any, depth: int = 0) -> Any:
    """Return the value as JSON that every parser takes: bounded, text encodable, no NaN, names for other objects.

    One NaN would make the receiver refuse the whole request, the other reports in it included.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return encodable(value[:LONGEST_TEXT])
    if depth < DEEPEST and isinstance(value, Mapping):
        return {str(plain(key, DEEPEST)): plain(item, depth + 1) for key, item in islice(value.items(), MOST_ITEMS)}
    if depth < DEEPEST and isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value[:MOST_ITEMS]]
    # Never str() of an unknown object: it could hold anything, a credential among it.
    return f"<{type(value).__name__}>"
