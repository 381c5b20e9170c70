"""What can happen to an incident. Each call works inside the caller's transaction and writes the log.

Nobody is told from here: an open incident has a due moment, and the ticker finds it.
"""

from __future__ import annotations

from datetime import datetime

from webhook_receiver.incidents import store
from webhook_receiver.incidents.moving import Moving
from webhook_receiver.incidents.opening import Opening
from webhook_receiver.incidents.record import CalendarFacts, Parts, PolicySnapshot, Suppression
from webhook_receiver.incidents.report import Opened, Report
from webhook_receiver.incidents.silence import Silence
from wedsync_core.storage import Database

__all__ = ["CalendarFacts", "Incidents", "Opened", "Parts", "PolicySnapshot", "Report", "Suppression"]

JUDGED_PER_TURN = 50
"""Incidents judged anew in one transaction: when a window opens there may be many, and pages must not wait for them."""


class Incidents(Opening, Moving, Silence):
    """Opens, judges, moves and silences incidents."""

    def judge_due(self, database: Database, now: datetime) -> int:
        """Judge the incidents again for which the calendar may have changed; returns how many."""
        with database.write() as transaction:
            due = store.due_judgements(transaction, now, JUDGED_PER_TURN)
            for incident_id in due:
                self.judge_again(transaction, self.held(transaction, incident_id), now)
        return len(due)
