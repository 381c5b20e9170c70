"""From a report as it came to one fit to be kept: redacted, cut to size, its user known by pseudonym only. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from exporters.errors.contract import ErrorKind, ErrorReport, Level
from wedsync_core.clock import format_timestamp
from wedsync_core.redaction import CUT, JSON, pseudonym, redact_counted, redact_text, redact_text_counted

TEXT_LIMITS: Mapping[str, int] = {
    "error_type": 200,
    "message": 8_000,
    "service": 100,
    "region": 63,
    "route": 500,
    "release": 200,
    "environment": 64,
    "trace_id": 64,
    "stack_trace": 64_000,
}
"""Characters. What is longer ends with the mark `[CUT]` and its field is named in `cut`."""
OBJECT_LIMIT = 16_000
"""Characters of names and texts in one of `user_context`, `request_data`, `tags` and `extra` together."""
_ONE_LINE = frozenset({"error_type", "service", "region", "route", "release", "environment", "trace_id"})
_USER_NAMES = ("user_id", "userId", "id", "email", "username", "session_id")


@dataclass(frozen=True)
class CleanReport:
    """A report without secrets and personal data, every text within its limit."""

    event_id: str
    error_type: str
    message: str
    level: Level
    service: str
    type: ErrorKind
    affects: tuple[str, ...]
    region: str
    route: str
    release: str
    environment: str
    occurred_at: datetime
    stack_trace: str
    trace_id: str
    user_context: Mapping[str, Any]
    request_data: Mapping[str, Any]
    tags: Mapping[str, Any]
    extra: Mapping[str, Any]
    user: str | None
    """The user's pseudonym."""
    cut: tuple[str, ...]
    redacted: int
    """How many secrets and personal data were taken out."""

    def as_json(self) -> dict[str, Any]:
        """Return the members as they are stored and shown."""
        return {
            "event_id": self.event_id,
            "error_type": self.error_type,
            "message": self.message,
            "level": self.level,
            "service": self.service,
            "type": self.type,
            "affects": list(self.affects),
            "region": self.region or None,
            "route": self.route or None,
            "release": self.release or None,
            "environment": self.environment or None,
            "timestamp": format_timestamp(self.occurred_at),
            "stack_trace": self.stack_trace or None,
            "trace_id": self.trace_id or None,
            "user_context": dict(self.user_context),
            "request_data": dict(self.request_data),
            "tags": dict(self.tags),
            "extra": dict(self.extra),
            "user": self.user,
            "cut": list(self.cut),
            "redacted": self.redacted,
        }


def clean(report: ErrorReport, *, event_id: str, now: datetime, pseudonym_key: bytes) -> CleanReport:
    """Return the report fit to be kept. `event_id` is used when the client gave none.

    A timestamp in the future is the client's clock, not the error's: it becomes `now`.
    """
    cleaner = _Cleaner()
    texts: dict[str, Any] = {name: cleaner.text(name, getattr(report, name) or "") for name in TEXT_LIMITS}
    objects: dict[str, Any] = {
        name: cleaner.mapping(name, getattr(report, name)) for name in ("user_context", "request_data", "tags")
    }
    extra = cleaner.mapping("extra", dict(report.model_extra or {}))
    return CleanReport(
        event_id=report.event_id or event_id,
        level=report.level,
        type=report.type,
        affects=tuple(redact_text(name) for name in report.affects),
        occurred_at=min(report.timestamp or now, now),
        extra=extra,
        user=_user(report.user_context, pseudonym_key),
        cut=tuple(cleaner.cut),
        redacted=cleaner.redacted,
        **texts,
        **objects,
    )


def _user(context: Mapping[str, Any], key: bytes) -> str | None:
    for name in _USER_NAMES:
        value = context.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return pseudonym(f"{value}", key)
    return None


class _Cleaner:
    """Cleans the members of one report; remembers what was cut and how much was taken out."""

    def __init__(self) -> None:
        self.cut: list[str] = []
        self.redacted = 0

    def text(self, name: str, text: str) -> str:
        """Return the text redacted and within the field's limit."""
        if name in _ONE_LINE:
            text = " ".join(text.split())
        limit = TEXT_LIMITS[name]
        cleaned, count = redact_text_counted(text, limit)
        self.redacted += count
        if len(text) > limit:
            self.cut.append(name)
        return cleaned

    def mapping(self, name: str, members: dict[str, Any]) -> dict[str, Any]:
        """Return the object redacted and within OBJECT_LIMIT."""
        if not members:
            return {}
        redaction = redact_counted(members)
        self.redacted += redaction.removed
        budget = _Budget(OBJECT_LIMIT)
        bounded = budget.spend(redaction.value)
        if budget.exceeded:
            self.cut.append(name)
        return cast("dict[str, Any]", bounded)


class _Budget:
    """Walks a value and keeps as much as there are characters for; the rest is left out behind the mark."""

    def __init__(self, characters: int) -> None:
        self._left = characters
        self.exceeded = False

    def spend(self, value: JSON) -> JSON:
        """Return what of the value can be paid for."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, list):
            return self._list(value)
        # A number's price; 400-digit integers exist, and Python refuses to print far longer ones.
        self._left -= 8 if not isinstance(value, int) else 8 + value.bit_length() // 3
        return value if self._left >= 0 else self._out()

    def _out(self) -> str:
        self.exceeded = True
        return CUT

    def _text(self, text: str) -> str:
        # Two for the quotes: an empty text is not free either.
        room = self._left - 2
        self._left -= len(text) + 2
        if len(text) <= room:
            return text
        self.exceeded = True
        return text[: max(room, 0)] + CUT

    def _object(self, members: dict[str, JSON]) -> dict[str, JSON]:
        kept: dict[str, JSON] = {}
        for name, member in members.items():
            self._left -= len(name) + 4
            if self._left < 0:
                kept[CUT] = self._out()
                break
            kept[name] = self.spend(member)
        return kept

    def _list(self, items: list[JSON]) -> list[JSON]:
        kept: list[JSON] = []
        for item in items:
            self._left -= 2
            if self._left < 0:
                kept.append(self._out())
                break
            kept.append(self.spend(item))
        return kept
