"""The moves of an incident between its states, each with its line in the log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from webhook_receiver.incidents import store
from webhook_receiver.incidents.incident import EventKind, Status, require_move
from webhook_receiver.incidents.record import Record
from wedsync_core.clock import format_timestamp
from wedsync_core.problems import Conflict
from wedsync_core.redaction import redact_text
from wedsync_core.storage import Transaction


class Moving(Record):
    """Acknowledges, resolves, reopens, assigns."""

    def acknowledge(self, transaction: Transaction, incident_id: int, *, by: str, note: str, now: datetime) -> Any:
        """Record that ``by`` has it. With as many people as its policy needs, the escalation stops.

        Until then it goes on. A full acknowledgement expires as the incident's policy says. Returns the incident's
        row. Raises NotFound, and Conflict when the incident is over.
        """
        row = self.movable(transaction, incident_id)
        require_move(incident_id, Status(row.status), Status.INVESTIGATING)
        text = redact_text(note)
        store.add_acknowledgement(transaction, row, by, text, now)
        people = store.acknowledged_people(transaction, row)
        needed = row.policy.get("acknowledgements_needed", 1)
        enough = len(people) >= needed or row.missed
        seconds = row.policy["acknowledgement_expires"]
        expires_at = now + timedelta(seconds=seconds) if enough and seconds is not None else None
        values: dict[str, Any] = {"acknowledged_at": row.acknowledged_at or now, "acknowledged_by": by}
        if enough:
            values |= {
                "status": Status.INVESTIGATING.value,
                "acknowledgement_expires_at": expires_at,
                "next_escalation_at": None,
            }
        store.update_incident(transaction, incident_id, values, now)
        detail = {
            "expires_at": format_timestamp(expires_at) if expires_at else None,
            "note": text,
            "acknowledgements": len(people),
            "needed": needed,
        }
        self._log(transaction, incident_id, EventKind.ACKNOWLEDGED, detail, actor=by, now=now)
        if enough:
            self._withdraw_pages(transaction, incident_id, now)
        if row.missed:
            return self.resolve(transaction, incident_id, by=by, note="it was over before it could be told", now=now)
        return self.held(transaction, incident_id)

    def expire_acknowledgement(self, transaction: Transaction, incident_id: int, now: datetime) -> None:
        """Open an incident again whose acknowledgement ran out: the policy begins anew, at once."""
        row = self.held(transaction, incident_id)
        values = {
            "status": Status.OPEN.value,
            "acknowledgement_expires_at": None,
            "next_escalation_at": now,
            "current_escalation_level": 0,
            "escalation_cycle": row.escalation_cycle + 1,
        }
        store.update_incident(transaction, incident_id, values, now)
        detail = {"acknowledged_by": row.acknowledged_by}
        self._log(transaction, incident_id, EventKind.ACKNOWLEDGEMENT_EXPIRED, detail, actor="ticker", now=now)

    def resolve(self, transaction: Transaction, incident_id: int, *, by: str, note: str, now: datetime) -> Any:
        """End an incident; nobody is told of it any more. Returns its row. Raises NotFound and Conflict."""
        row = self.movable(transaction, incident_id)
        require_move(incident_id, Status(row.status), Status.RESOLVED)
        store.update_incident(transaction, incident_id, ended(by, now), now)
        detail = {"note": redact_text(note)}
        self._log(transaction, incident_id, EventKind.RESOLVED, detail, actor=by, now=now)
        self._withdraw_pages(transaction, incident_id, now)
        return self.held(transaction, incident_id)

    def end_in(self, transaction: Transaction, row: Any, into: int, *, by: str, now: datetime) -> None:
        """End an incident (its row, held) whose alerts have become another's; it takes no more moves."""
        store.update_incident(transaction, row.id, {**ended(by, now), "merged_into": into}, now)
        self._withdraw_pages(transaction, row.id, now)

    def reopen(self, transaction: Transaction, incident_id: int, *, by: str, reason: str, now: datetime) -> None:
        """Continue an incident that was resolved: its policy begins anew, at once. One not resolved stays as it is.

        Raises Conflict when another incident tells of the same finding by now.
        """
        row = self.held(transaction, incident_id)
        if row.status != Status.RESOLVED.value or row.merged_into is not None:
            return
        if row.dedup_key is not None and store.find_by_dedup_key(transaction, row.dedup_key) is not None:
            raise Conflict(f"incident {incident_id} has a successor that is open: {row.dedup_key}")
        values = {
            "status": Status.OPEN.value,
            "resolved_at": None,
            "resolved_by": None,
            "acknowledged_at": None,
            "acknowledged_by": None,
            "acknowledgement_expires_at": None,
            "suppressed_by": None,
            "next_escalation_at": now,
            # It may be Saturday by now.
            "next_judgement_at": now,
            "current_escalation_level": 0,
            "escalation_cycle": row.escalation_cycle + 1,
        }
        store.update_incident(transaction, incident_id, values, now)
        detail = {"reason": redact_text(reason)}
        self._log(transaction, incident_id, EventKind.REOPENED, detail, actor=by, now=now)

    def assign(
        self, transaction: Transaction, incident_id: int, *, to: str | None, by: str, note: str, now: datetime
    ) -> Any:
        """Say whose it is; None: nobody's. Returns the row. Raises NotFound, and Conflict when it is over."""
        row = self.movable(transaction, incident_id)
        if row.status == Status.RESOLVED.value:
            raise Conflict(f"incident {incident_id} is resolved; there is nothing to assign")
        store.update_incident(transaction, incident_id, {"assigned_to": to}, now)
        detail = {"to": to, "before": row.assigned_to, "note": redact_text(note)}
        self._log(transaction, incident_id, EventKind.ASSIGNED, detail, actor=by, now=now)
        return self.held(transaction, incident_id)

    def note(self, transaction: Transaction, incident_id: int, *, by: str, text: str, now: datetime) -> None:
        """Write into the log. An incident that is over takes notes too: that is when people have the time."""
        self.held(transaction, incident_id)
        self._log(transaction, incident_id, EventKind.NOTE, {"note": redact_text(text)}, actor=by, now=now)


def ended(by: str, now: datetime) -> dict[str, Any]:
    """Return the values of an incident that is over."""
    return {
        "status": Status.RESOLVED.value,
        "resolved_at": now,
        "resolved_by": by,
        "next_escalation_at": None,
        "next_judgement_at": None,
        "acknowledgement_expires_at": None,
        "resolution_held_at": None,
    }
