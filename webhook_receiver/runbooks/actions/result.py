"""What came of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from wedsync_core.redaction import redact_text

LONGEST_OUTPUT = 16_000
"""Characters kept in the database; a program may be allowed to say more."""

Outcome = Literal["done", "failed", "not_needed", "waiting"]


@dataclass(frozen=True)
class Result:
    """``reason`` is a name; ``output`` what was answered or said, redacted."""

    outcome: Outcome
    reason: str
    output: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def told(text: str) -> str:
    """Return output as it may be kept: without secrets, and without what a database cannot hold."""
    clean = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return redact_text(clean[:LONGEST_OUTPUT])
