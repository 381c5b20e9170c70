"""Structured logs on standard output: one JSON record per event, redacted."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

from wedsync_core.redaction import redact

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logs(service: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Send every record of this process, the libraries' too, through one redacting JSON formatter."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _named(service),
        _redacted,
    ]
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    # Their INFO is one line per request or migration step: our own records already say what happened.
    for chatty in ("gunicorn.access", "alembic", "urllib3", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get_log(room: str) -> structlog.stdlib.BoundLogger:
    """Return the log of a room: ``log.info("page_sent", channel="pager")``; the event is a fixed word."""
    log: structlog.stdlib.BoundLogger = structlog.get_logger(room).bind(room=room)
    return log


def _named(service: str) -> Any:
    def add_service(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        record["service"] = service
        return record

    return add_service


def _redacted(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # structlog's own bookkeeping travels under underscored keys and must arrive untouched.
    shown = {name: value for name, value in record.items() if not name.startswith("_")}
    plain = {name: value if _is_json(value) else str(value) for name, value in shown.items()}
    record.update(cast("dict[str, Any]", redact(plain)))
    return record


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | dict | list)
