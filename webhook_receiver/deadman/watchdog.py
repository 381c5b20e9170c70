"""The Watchdog, in: silence opens an incident that pages like any other, and ends with the silence."""

from __future__ import annotations

from datetime import datetime, timedelta

from webhook_receiver.alerts import store as alerts
from webhook_receiver.deadman import store
from webhook_receiver.deadman.switch import Asked, Switch, judge_silence
from webhook_receiver.incidents.service import Incidents, Report
from wedsync_core.clock import Clock, format_timestamp, parse_timestamp
from wedsync_core.severity import Signal
from wedsync_core.storage import Database, Transaction

DEDUP_KEY = "watchdog"
ACTOR = "watchdog"
RUNBOOK = "https://github.com/wedsync/monitoring/blob/main/docs/runbooks/Watchdog.md"


class Watchdog:
    """A duty of the ticker, alone among the replicas."""

    def __init__(
        self,
        *,
        database: Database,
        incidents: Incidents,
        clock: Clock,
        late_after: timedelta,
        asked_every: timedelta,
    ) -> None:
        self._database = database
        self._incidents = incidents
        self._clock = clock
        self._late_after = late_after
        self._asked_every = asked_every
        self._started = clock.now()

    def look(self) -> int:
        """Open the incident of the silence, or end it; returns how many incidents changed."""
        now = self._clock.now()
        with self._database.read() as transaction:
            switch = self._judge(transaction, now)
            standing = store.unresolved(transaction, DEDUP_KEY)
        if switch.late == (standing is not None):
            return 0
        with self._database.write() as transaction:
            if standing is not None:
                note = "the Watchdog is heard again"
                self._incidents.resolve(transaction, standing, by=ACTOR, note=note, now=now)
                return 1
            ended = store.last_resolved_at(transaction, DEDUP_KEY)
            if ended is not None and now - ended < self._late_after:
                return 0  # Somebody ended it by hand a moment ago; the silence goes on, and is told again in time.
            self._incidents.open(transaction, self._report(switch), now)
        return 1

    def _judge(self, transaction: Transaction, now: datetime) -> Switch:
        last_seen = alerts.watchdog_last_seen(transaction)
        state = alerts.reconcile_state(transaction)
        asked = None
        if state.get("watchdog_heard_at") and state.get("watchdog_checked_at"):
            asked = Asked(
                heard_at=parse_timestamp(state["watchdog_heard_at"]),
                checked_at=parse_timestamp(state["watchdog_checked_at"]),
                lost_at=parse_timestamp(state["lost_at"]) if state.get("lost_at") else None,
                every=self._asked_every,
            )
        return judge_silence(last_seen, asked, self._started, now, self._late_after)

    def _report(self, switch: Switch) -> Report:
        return Report(
            title="Nobody is watching: the Watchdog is silent",
            description=(
                f"Prometheus' always-firing alert has not been heard since {format_timestamp(switch.silent_since)}. "
                "Prometheus, Alertmanager or the way between them and the receiver is broken: no other alert would "
                "arrive either."
            ),
            signal=Signal(
                service="prometheus",
                type="monitoring_fault",
                affects=frozenset({"wedding_workflows"}),
                rule_severity="critical",
            ),
            actor=ACTOR,
            auto_created=True,
            runbook_url=RUNBOOK,
            dedup_key=DEDUP_KEY,
        )
