"""What makes an incident fall silent and speak again, and a clearing that is not believed yet."""

from __future__ import annotations

from datetime import datetime

from webhook_receiver.incidents import store
from webhook_receiver.incidents.incident import EventKind, Status, Suppressed
from webhook_receiver.incidents.record import Record
from wedsync_core.storage import Transaction


class Silence(Record):
    """Silence and doubt."""

    def fall_silent(self, transaction: Transaction, incident_id: int, why: Suppressed, now: datetime) -> bool:
        """Let nobody be told further while ``why`` lasts; returns False where something else does so already."""
        row = self.held(transaction, incident_id)
        if row.status == Status.RESOLVED.value or row.suppressed_by is not None:
            return False
        values = {"suppressed_by": why.as_json(), "next_escalation_at": why.until}
        store.update_incident(transaction, incident_id, values, now)
        self._log(transaction, incident_id, EventKind.SUPPRESSED, why.as_json(), actor="receiver", now=now)
        return True

    def speak_again(self, transaction: Transaction, incident_id: int, kind: str, now: datetime) -> bool:
        """Go on at once with an incident that fell silent because of ``kind``; returns whether it had."""
        row = self.held(transaction, incident_id)
        if row.suppressed_by is None or row.suppressed_by["kind"] != kind:
            return False
        due_at = now if row.status == Status.OPEN.value else row.next_escalation_at
        store.update_incident(transaction, incident_id, {"suppressed_by": None, "next_escalation_at": due_at}, now)
        detail = dict(row.suppressed_by)
        self._log(transaction, incident_id, EventKind.WOKEN, detail, actor="receiver", now=now)
        return True

    def doubt_resolution(self, transaction: Transaction, incident_id: int, *, reason: str, now: datetime) -> bool:
        """Note, once, that its alerts were said to be over and that this is not believed; returns whether it is new."""
        row = self.held(transaction, incident_id)
        if row.status == Status.RESOLVED.value or row.resolution_held_at is not None:
            return False
        store.update_incident(transaction, incident_id, {"resolution_held_at": now}, now)
        kind, detail = EventKind.RESOLUTION_HELD, {"reason": reason}
        self._log(transaction, incident_id, kind, detail, actor="reconciler", now=now)
        return True

    def end_doubt(self, transaction: Transaction, incident_id: int, now: datetime) -> None:
        """Forget a doubted clearing: its alerts fire after all."""
        row = self.held(transaction, incident_id)
        if row.resolution_held_at is not None:
            store.update_incident(transaction, incident_id, {"resolution_held_at": None}, now)
