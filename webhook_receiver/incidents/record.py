"""What every change of an incident stands on: the row held, the log written, the parts that are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_receiver.incidents import store
from webhook_receiver.incidents.incident import EventKind, Suppressed
from webhook_receiver.incidents.metrics import IncidentMetrics
from webhook_receiver.incidents.report import Report
from wedsync_core.problems import Conflict, NotFound
from wedsync_core.season import RegionFacts
from wedsync_core.severity import Decision, SeveritySettings
from wedsync_core.storage import Transaction

CalendarFacts = Callable[[datetime], Mapping[str, RegionFacts]]
PolicySnapshot = Mapping[str, Any]
"""A policy as escalation writes it. Read here: ``name`` and what it says of acknowledgements."""
PolicyChoice = Callable[[Decision], PolicySnapshot]
CancelPages = Callable[[Transaction, int, datetime], int]
Suppression = Callable[[Transaction, Report, Decision, datetime], Suppressed | None]
"""Says what keeps people asleep for a new incident; None: nothing does, as almost always."""
TellAgain = Callable[[Transaction, Any, datetime], int]
"""Pages those who were told of an incident (its row) already; returns how many pages were queued."""


@dataclass(frozen=True)
class Parts:
    """What incidents are given: each by the room that owns it."""

    calendar: CalendarFacts
    limits: SeveritySettings
    choose_policy: PolicyChoice
    suppression: Suppression
    cancel_pages: CancelPages
    tell_again: TellAgain
    service_of_workflow: Mapping[str, str]
    metrics: IncidentMetrics


class Record:
    """An incident's row and its log."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def held(self, transaction: Transaction, incident_id: int) -> Any:
        """Return the incident's row, held against others until the transaction ends; raises NotFound."""
        row = store.find_incident(transaction, incident_id, lock=True)
        if row is None:
            raise NotFound(f"there is no incident {incident_id}")
        return row

    def movable(self, transaction: Transaction, incident_id: int) -> Any:
        """Return the incident's row, held; raises Conflict too when it was merged into another."""
        row = self.held(transaction, incident_id)
        if row.merged_into is not None:
            raise Conflict(f"incident {incident_id} was merged into {row.merged_into}; ask for that one")
        return row

    def _log(
        self,
        transaction: Transaction,
        incident_id: int,
        kind: EventKind,
        detail: Mapping[str, Any],
        *,
        actor: str,
        now: datetime,
    ) -> None:
        store.add_event(transaction, incident_id, kind, actor=actor, now=now, detail=detail)

    def _withdraw_pages(self, transaction: Transaction, incident_id: int, now: datetime) -> None:
        withdrawn = self._parts.cancel_pages(transaction, incident_id, now)
        if withdrawn:
            kind, detail = EventKind.PAGE_CANCELLED, {"pages": withdrawn}
            self._log(transaction, incident_id, kind, detail, actor="receiver", now=now)
