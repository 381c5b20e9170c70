"""Wires the receiver together, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from flask import Flask
from prometheus_client import CollectorRegistry

from webhook_receiver.alerts.api import create_alerts_blueprint
from webhook_receiver.alerts.comparison import Patience
from webhook_receiver.alerts.corrections import Corrections
from webhook_receiver.alerts.intake import AlertIntake
from webhook_receiver.alerts.lookback import LookBack
from webhook_receiver.alerts.metrics import AlertMetrics, ReconcileMetrics
from webhook_receiver.alerts.processing import Processing
from webhook_receiver.alerts.reconciler import Reconciler
from webhook_receiver.alerts.service import Episodes
from webhook_receiver.collectors import IncidentCollector
from webhook_receiver.correlation.api import create_correlation_blueprint
from webhook_receiver.correlation.metrics import CorrelationMetrics
from webhook_receiver.correlation.service import Correlation, limits_of, topology_of
from webhook_receiver.deadman.watchdog import Watchdog
from webhook_receiver.deadman.watchers import Watchers, build_watchers
from webhook_receiver.engine.api import refuse_writes
from webhook_receiver.engine.instance import InstanceLock, instance_lock
from webhook_receiver.engine.service import Engine
from webhook_receiver.escalation.api import create_escalation_blueprint
from webhook_receiver.escalation.metrics import EscalationMetrics
from webhook_receiver.escalation.policy import choose_policy
from webhook_receiver.escalation.service import Escalation
from webhook_receiver.escalation.telling import Telling
from webhook_receiver.incidents.actions import create_actions_blueprint
from webhook_receiver.incidents.api import create_incidents_blueprint
from webhook_receiver.incidents.metrics import IncidentMetrics
from webhook_receiver.incidents.presentation import People
from webhook_receiver.incidents.service import CalendarFacts, Incidents, Parts
from webhook_receiver.live.api import create_live_blueprint
from webhook_receiver.live.feed import Feed, Past
from webhook_receiver.live.hub import Hub
from webhook_receiver.live.metrics import LiveMetrics
from webhook_receiver.live.tickets import Tickets
from webhook_receiver.notify import outbox
from webhook_receiver.notify.api import create_links_blueprint
from webhook_receiver.notify.channels import Channel, build_channels
from webhook_receiver.notify.claiming import Claiming
from webhook_receiver.notify.metrics import DeliveryMetrics, LinkMetrics
from webhook_receiver.notify.pipeline import Delivery
from webhook_receiver.notify.sending import Sending
from webhook_receiver.notify.service import Links
from webhook_receiver.oncall.api import create_oncall_blueprint
from webhook_receiver.oncall.lookahead import roles_told
from webhook_receiver.oncall.metrics import OnCallMetrics
from webhook_receiver.oncall.overrides import Overrides
from webhook_receiver.oncall.review import Reviewer
from webhook_receiver.oncall.roster import Roster
from webhook_receiver.oncall.service import OnCall
from webhook_receiver.retention.metrics import RetentionMetrics
from webhook_receiver.retention.service import Retention
from webhook_receiver.runbooks.actions import Hands
from webhook_receiver.runbooks.api import create_runbooks_blueprint
from webhook_receiver.runbooks.carrying import Carrying
from webhook_receiver.runbooks.ending import Ending
from webhook_receiver.runbooks.library import open_library
from webhook_receiver.runbooks.metrics import RunbookMetrics
from webhook_receiver.runbooks.pipeline import Pipeline
from webhook_receiver.runbooks.service import Runbooks
from webhook_receiver.runbooks.starting import Starting
from webhook_receiver.runbooks.telling import RunNews
from webhook_receiver.sources.alertmanager import HttpAlertmanagers
from webhook_receiver.sources.contract import Sources
from webhook_receiver.sources.prometheus import HttpPrometheus
from webhook_receiver.suppression.api import create_maintenance_blueprint, create_silences_blueprint
from webhook_receiver.suppression.service import Suppression
from webhook_receiver.suppression.silences import Silences
from webhook_receiver.ticker import Duty, Ticker
from wedsync_core.clock import Clock, SystemClock
from wedsync_core.settings import EVERYONE, Settings
from wedsync_core.storage import Database, migrate
from wedsync_core.telemetry.traces import trace_service
from wedsync_core.web.application import create_service
from wedsync_core.web.auth import Role, Tokens
from wedsync_core.weddings.calendar import WeddingCalendar, open_calendar, regions_of

NAME = "webhook_receiver"


@dataclass
class Receiver:
    """The running receiver. Tests turn ``ticker`` and ``delivery`` by hand; the server starts them."""

    app: Flask
    database: Database
    ticker: Ticker
    delivery: Delivery
    reconciler: Reconciler
    calendar: WeddingCalendar | None
    sources: Sources
    watchers: Watchers
    runbooks: Pipeline
    engine: Engine
    hub: Hub
    feed: Feed
    lock: InstanceLock | None

    def start(self) -> None:
        """Start the loops."""
        if self.calendar is not None:
            self.calendar.start()
        self.watchers.start()
        self.reconciler.start(done=self.ticker.wake)
        self.runbooks.start()
        self.ticker.start()
        self.hub.start()
        self.feed.start()

    def stop(self) -> None:
        """Stop the loops and let what is on the wire finish."""
        self.feed.stop()
        self.hub.stop()
        self.ticker.stop()
        self.runbooks.stop()
        self.reconciler.stop()
        self.delivery.stop()
        self.watchers.stop()
        if self.calendar is not None:
            self.calendar.stop()
        self.engine.end()
        self.database.close()
        if self.lock is not None:
            self.lock.release()


def build_receiver(
    settings: Settings,
    *,
    clock: Clock | None = None,
    calendar: CalendarFacts | None = None,
    channels: dict[str, Channel] | None = None,
    sources: Sources | None = None,
) -> Receiver:
    """Open the database, bring its schema up to date, and wire the rooms.

    ``clock``, ``calendar``, ``channels`` and ``sources`` are replaced in tests. Raises Unavailable, AlreadyRunning
    and SchemaNewerThanCode.
    """
    registry = CollectorRegistry()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = instance_lock(settings.incidents_database_url)
    if lock is not None:
        lock.take()
    database = Database(settings.incidents_database_url)
    migrate(database, NAME)
    engine = Engine(database, registry, clock or SystemClock(), reference=clock)
    time = engine.clock
    weddings = None if calendar else open_calendar(settings.calendar, settings.data_dir / NAME, time)
    facts: CalendarFacts = calendar or weddings.facts  # type: ignore[union-attr] # one of the two is there
    asked = sources or sources_of(settings)
    suppression = Suppression(database=database, settings=settings.suppression, clock=time)
    on_call, reviewer = _oncall(settings, database, weddings, time, registry)
    roster = Roster(settings.people, settings.roles, settings.escalation.emergency_role, on_call.on_call)
    telling = Telling(roster, settings.receiver.url, on_call.look_up)
    incidents = Incidents(
        Parts(
            calendar=facts,
            limits=settings.severity_limits,
            choose_policy=lambda decision: choose_policy(decision, settings.escalation).as_json(),
            suppression=suppression.of_new,
            cancel_pages=outbox.cancel,
            tell_again=telling.tell_again,
            service_of_workflow=settings.service_of_workflow,
            metrics=IncidentMetrics(registry),
        )
    )
    escalation = Escalation(
        database=database,
        incidents=incidents,
        telling=telling,
        clock=time,
        precedence=engine.precedence,
        metrics=EscalationMetrics(registry, settings.escalation.policies),
    )
    alert_metrics = AlertMetrics(registry)
    correlation = Correlation(
        incidents=incidents,
        telling=telling,
        topology=topology_of(settings),
        limits=limits_of(settings),
        metrics=CorrelationMetrics(registry),
    )
    episodes = Episodes(
        incidents=incidents,
        correlation=correlation,
        reopen_window=settings.incidents.reopen_window,
    )
    processing = Processing(
        database=database,
        incidents=incidents,
        episodes=episodes,
        reopen_window=settings.incidents.reopen_window,
        clock=time,
        precedence=engine.precedence,
        metrics=alert_metrics,
        last_resort=lambda body: watchers.last_resort.offer(body),  # noqa: PLW0108 -- the watchers are built below
    )
    intake = AlertIntake(database=database, incidents=incidents, processing=processing, clock=time)
    reconcile_metrics = ReconcileMetrics(registry)
    corrections = Corrections(
        database=database,
        episodes=episodes,
        receivers=settings.alertmanager.receivers,
        # Two passes, give or take: one that was woken early is not the second look that absence needs.
        patience=Patience(
            grace=settings.reconcile.grace,
            undelivered=settings.reconcile.undelivered_after,
            absent=settings.reconcile.every / 2,
        ),
        reopen_window=settings.incidents.reopen_window,
        clock=time,
        metrics=reconcile_metrics,
    )
    reconciler = Reconciler(
        database=database,
        sources=asked,
        corrections=corrections,
        look_back=LookBack(
            database=database,
            correlation=correlation,
            sources=asked,
            settings=settings.reconcile,
            clock=time,
            metrics=reconcile_metrics,
        ),
        settings=settings.reconcile,
        clock=time,
        metrics=reconcile_metrics,
    )
    ways_out = channels or build_channels(settings.channels, settings.data_dir)
    links = Links(
        settings.acknowledge_links,
        base_url=settings.receiver.url,
        database=database,
        acknowledge=lambda transaction, grant, note, now: incidents.acknowledge(
            transaction, grant.incident_id, by=grant.person, note=note, now=now
        ),
        clock=time,
        metrics=LinkMetrics(registry),
    )
    delivery = open_delivery(settings, database, ways_out, links, engine, registry)
    watchdog = Watchdog(
        database=database,
        incidents=incidents,
        clock=time,
        late_after=settings.watchdog.late_after,
        asked_every=settings.reconcile.every,
    )
    runbooks, run_pipeline = _runbooks(settings, database, asked, facts, telling, time, registry)
    retention = Retention(
        database=database, settings=settings.retention, clock=time, metrics=RetentionMetrics(registry)
    )
    ticker = Ticker(
        (
            # First: what is due is asked by a clock that has just been compared.
            Duty("clock", engine.timekeeping.look, every=timedelta(seconds=1)),
            Duty("presence", engine.presence.look, every=timedelta(seconds=1)),
            Duty("pending_messages", processing.process_pending),
            Duty("reconcile", reconciler.tick, alone=True),
            Duty("confirmations", corrections.believe_unanswered),
            Duty("judgement", escalation.judge_due),
            Duty("acknowledgements", escalation.expire_acknowledgements),
            # Before the escalation: what another window covers must not be woken by the end of the first.
            Duty("suppression_ends", suppression.wake_due),
            Duty("suppression", suppression.look_again, every=timedelta(seconds=2)),
            Duty("watchdog", watchdog.look, every=timedelta(seconds=5), alone=True),
            Duty("escalation", escalation.take_due_steps),
            Duty("delivery", delivery.send_due),
            Duty("runbooks", run_pipeline.tick),
            Duty("old_messages", intake.forget_old_messages, every=timedelta(minutes=10)),
            Duty("retention", retention.prune, every=timedelta(minutes=10), alone=True),
            Duty("oncall_review", reviewer.review, every=timedelta(minutes=10)),
        ),
        time,
        registry,
        engine,
    )
    registry.register(IncidentCollector(database, time))

    watchers = build_watchers(
        settings,
        database=Database(settings.incidents_database_url, pool_size=1),
        channels=ways_out,
        calendar=facts,
        roster=replace(roster, on_call=on_call.on_call_as_last_known),
        ticker_turns=ticker.check,
        clock=time,
        registry=registry,
    )

    people = People(settings.people, settings.roles)
    tokens = Tokens({Role(name): path for name, path in settings.access.token_files.items()})
    live_metrics = LiveMetrics(registry)
    hub = Hub(past=Past(database, people).between, most=settings.live.most_listeners, clock=time, metrics=live_metrics)
    feed = Feed(
        database=database,
        prometheus=asked.prometheus,
        hub=hub,
        people=people,
        metrics_every=settings.live.metrics_every,
        clock=time,
        metrics=live_metrics,
    )

    def ready() -> None:
        engine.check()
        database.check()
        ticker.check()

    app = create_service(
        NAME,
        tokens=tokens,
        registry=registry,
        blueprints=(
            create_alerts_blueprint(
                intake=intake,
                precedence=engine.precedence,
                metrics=alert_metrics,
                wake=ticker.wake,
                last_resort=watchers.last_resort.offer,
            ),
            create_incidents_blueprint(
                database=database, incidents=incidents, people=people, clock=time, wake=ticker.wake
            ),
            create_links_blueprint(links=links),
            create_actions_blueprint(
                database=database, incidents=incidents, people=people, clock=time, wake=ticker.wake
            ),
            create_correlation_blueprint(database=database, correlation=correlation, clock=time, wake=ticker.wake),
            create_escalation_blueprint(database=database, escalation=escalation, clock=time, wake=ticker.wake),
            create_maintenance_blueprint(database=database, suppression=suppression, clock=time, wake=ticker.wake),
            create_silences_blueprint(
                silences=Silences(database=database, alertmanagers=asked.alertmanagers, clock=time),
                database=database,
                clock=time,
            ),
            create_runbooks_blueprint(database=database, runbooks=runbooks, clock=time, wake=run_pipeline.tick),
            create_oncall_blueprint(
                settings=settings, database=database, on_call=on_call, reviewer=reviewer, clock=time
            ),
            create_live_blueprint(
                hub=hub,
                tickets=Tickets(database, time),
                tokens=tokens,
                origins=origins_of(settings),
                metrics=live_metrics,
            ),
        ),
        ready=ready,
    )
    refuse_writes(app, engine.check)
    trace_service(app, NAME, settings.otlp_endpoint)
    return Receiver(
        app, database, ticker, delivery, reconciler, weddings, asked, watchers, run_pipeline, engine, hub, feed, lock
    )


def _oncall(
    settings: Settings, database: Database, weddings: WeddingCalendar | None, clock: Clock, registry: CollectorRegistry
) -> tuple[OnCall, Reviewer]:
    metrics = OnCallMetrics(registry, roles_told(settings))
    on_call = OnCall(settings, Overrides(database, clock, metrics), clock)
    reviewer = Reviewer(
        settings=settings,
        on_call=on_call,
        regions=regions_of(settings.calendar).values(),
        weddings=weddings.weddings if weddings else lambda: None,
        clock=clock,
        metrics=metrics,
    )
    return on_call, reviewer


def _runbooks(
    settings: Settings,
    database: Database,
    sources: Sources,
    calendar: CalendarFacts,
    telling: Telling,
    clock: Clock,
    registry: CollectorRegistry,
) -> tuple[Runbooks, Pipeline]:
    """Return the runbooks and their loop. How long a step takes is counted by the machine's own seconds."""
    written, metrics, machine = settings.runbooks, RunbookMetrics(registry), SystemClock()
    news = RunNews(telling)
    starting = Starting(settings=written, calendar=calendar, news=news, metrics=metrics)
    ending = Ending(news, metrics)
    runbooks = Runbooks(
        database=database,
        library=open_library(written, {*settings.roles, EVERYONE}),
        settings=written,
        starting=starting,
        ending=ending,
        people=settings.people,
        clock=clock,
    )
    hands = Hands(written, sources, clock, machine)
    carrying = Carrying(database=database, starting=starting, ending=ending, hands=hands, clock=clock)
    pipeline = Pipeline(
        database=database, runbooks=runbooks, carrying=carrying, metrics=metrics, clock=clock, machine=machine
    )
    return runbooks, pipeline


def open_delivery(
    settings: Settings,
    database: Database,
    channels: Mapping[str, Channel],
    links: Links,
    engine: Engine,
    registry: CollectorRegistry,
) -> Delivery:
    """Return what sends the pages of the outbox."""
    metrics = DeliveryMetrics(registry, settings.channels)
    sending = Sending(
        database=database,
        channels=channels,
        longest={name: written.longest for name, written in settings.channels.items()},
        base_url=settings.receiver.url,
        link_to=links.address,
        link_expires=links.expires,
        clock=engine.clock,
        metrics=metrics,
    )
    return Delivery(
        database=database,
        claiming=Claiming(settings.channels, engine.presence.number),
        sending=sending,
        channels=channels,
        clock=engine.clock,
        precedence=engine.precedence,
        metrics=metrics,
    )


def sources_of(settings: Settings) -> Sources:
    """Return the Alertmanagers and the Prometheus of the settings."""
    return Sources(HttpAlertmanagers(settings.alertmanager.urls), HttpPrometheus(settings.prometheus.url))


def origins_of(settings: Settings) -> frozenset[str]:
    """Return the origins whose pages may listen: the receiver's own and those of the settings."""
    own = urlsplit(settings.receiver.url)
    return frozenset({f"{own.scheme}://{own.netloc}".lower(), *(origin.lower() for origin in settings.live.origins)})
