"""What is known of a failure when an incident opens, and what the opening came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wedsync_core.severity import Decision, Signal


@dataclass(frozen=True)
class Report:
    """What is known when an incident opens."""

    title: str
    description: str
    signal: Signal
    actor: str
    auto_created: bool
    runbook_url: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    """The alert's own; what suppression compares with."""
    dedup_key: str | None = None
    """Of the receiver's own findings: at most one incident of a key is not resolved."""
    missed: bool = False
    """It began and ended while the receiver was away; acknowledging it ends it."""
    judged_at: datetime | None = None
    """When it was true, where that is not now: the calendar of that moment judges it."""


@dataclass(frozen=True)
class Opened:
    """The incident just opened."""

    incident_id: int
    decision: Decision
    policy_name: str
