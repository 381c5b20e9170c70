"""The threads that watch the receiver from within, wired and started together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry

from webhook_receiver.deadman.auditor import Auditor
from webhook_receiver.deadman.heartbeat import Heartbeat
from webhook_receiver.deadman.last_resort import LastResort, Reachable
from webhook_receiver.deadman.metrics import AuditMetrics, HeartbeatMetrics, LastResortMetrics
from webhook_receiver.incidents.service import CalendarFacts
from webhook_receiver.notify.channels import Channel
from webhook_receiver.oncall.roster import Roster
from wedsync_core.clock import Clock
from wedsync_core.settings import EscalationSettings, Settings
from wedsync_core.storage import Database


@dataclass(frozen=True)
class Watchers:
    """The auditor, the heartbeat and the last resort. None of them needs the ticker, or the database that it uses."""

    last_resort: LastResort
    auditor: Auditor
    heartbeat: Heartbeat

    def start(self) -> None:
        """Start the three threads."""
        self.last_resort.start()
        self.auditor.start()
        self.heartbeat.start()

    def stop(self) -> None:
        """Stop them."""
        self.heartbeat.stop()
        self.auditor.stop()
        self.last_resort.stop()


def build_watchers(
    settings: Settings,
    *,
    database: Database,
    channels: Mapping[str, Channel],
    calendar: CalendarFacts,
    roster: Roster,
    ticker_turns: Callable[[], None],
    clock: Clock,
    registry: CollectorRegistry,
) -> Watchers:
    """Wire them. ``database`` is the auditor's own; ``ticker_turns`` raises Unavailable when the loop has stopped."""
    last_resort = LastResort(
        reachable=Reachable(
            people=settings.people,
            on_duty=lambda: on_duty(roster, settings.escalation, clock.now()),
            emergency=roster.members(settings.escalation.emergency_role, clock.now()),
        ),
        channels=channels,
        calendar=calendar,
        limits=settings.severity_limits,
        base_url=settings.receiver.url,
        clock=clock,
        metrics=LastResortMetrics(registry),
    )
    auditor = Auditor(
        database=database,
        ticker_turns=ticker_turns,
        tell=last_resort.tell,
        clock=clock,
        metrics=AuditMetrics(registry),
    )
    heartbeat = Heartbeat(
        url_file=settings.watchdog.heartbeat_url_file,
        every=settings.watchdog.heartbeat_every,
        well=auditor.well,
        metrics=HeartbeatMetrics(registry),
    )
    return Watchers(last_resort, auditor, heartbeat)


def on_duty(roster: Roster, escalation: EscalationSettings, now: datetime) -> Iterable[str]:
    """Return the emergency role and those whom every policy tells first: the engineer on call, as shipped."""
    first = [set(policy.steps[0].roles) for policy in escalation.policies.values()]
    roles = [escalation.emergency_role, *sorted(set.intersection(*first))]
    return [person for role in roles for person in roster.members(role, now)]
