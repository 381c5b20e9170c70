"""Which errors are one error. Version 1: frozen once released; a change is a version 2 beside it. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from exporters.errors.cleaning import CleanReport
from exporters.errors.frames import read_frames
from exporters.errors.parameters import parameterised

VERSION = "v1"
FRAMES = 3
"""Frames nearest the failure that count: one alone merges what passes through a common line, all split by caller."""
TITLE_LENGTH = 200


class Grouping(StrEnum):
    """What the fingerprint was made of, and why."""

    IN_APP_FRAMES = "in_app_frames"
    """The error type and the frames of the service's own code nearest to the failure."""
    MESSAGE_WITHOUT_STACK = "message_without_stack"
    MESSAGE_WITHOUT_FRAMES = "message_without_frames"
    """There is a stack trace, in no form that is known."""
    MESSAGE_WITHOUT_OWN_FRAMES = "message_without_own_frames"
    """Every frame is a library's: the same ones would merge unrelated errors."""


@dataclass(frozen=True)
class Fingerprint:
    """The identity of an error, with what it was made of, to be shown to whoever asks why."""

    key: str
    """`v1:` and 32 hexadecimal digits."""
    reason: Grouping
    basis: tuple[str, ...]
    culprit: str
    """The frame nearest to the failure, or the route."""
    title: str

    @property
    def short(self) -> str:
        """Return the first 16 digits: what stands in an alert's `group` label."""
        return self.key.removeprefix(f"{VERSION}:")[:16]

    def as_json(self) -> dict[str, object]:
        """Return the stored form."""
        return {"version": VERSION, "reason": self.reason.value, "basis": list(self.basis)}


def fingerprint(report: CleanReport) -> Fingerprint:
    """Return the fingerprint of a report: service, error type, and its own frames or else its message's pattern."""
    reason, parts, culprit = _distinctive(report)
    basis = (report.service, report.error_type, *parts)
    digest = hashlib.sha256(json.dumps([VERSION, *basis], ensure_ascii=False).encode()).hexdigest()
    return Fingerprint(f"{VERSION}:{digest[:32]}", reason, basis, culprit, _title(report))


def _distinctive(report: CleanReport) -> tuple[Grouping, list[str], str]:
    message = [parameterised(report.message)]
    if not report.stack_trace:
        return Grouping.MESSAGE_WITHOUT_STACK, message, report.route
    own = list(islice((frame for frame in read_frames(report.stack_trace) if frame.in_app), FRAMES))
    if own:
        return Grouping.IN_APP_FRAMES, [str(frame) for frame in own], str(own[0])
    nearest = next(read_frames(report.stack_trace), None)
    if nearest is None:
        return Grouping.MESSAGE_WITHOUT_FRAMES, message, report.route
    return Grouping.MESSAGE_WITHOUT_OWN_FRAMES, message, str(nearest)


def _title(report: CleanReport) -> str:
    first = report.message.strip().partition("\n")[0].strip()
    title = f"{report.error_type}: {first}" if first else report.error_type
    return title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 1] + "…"
