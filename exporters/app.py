"""Wires the exporters together, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask
from prometheus_client import CollectorRegistry

from exporters.alarm.alertmanager import Post, post_over_http
from exporters.alarm.metrics import AlarmMetrics
from exporters.alarm.poster import AlarmPoster
from exporters.calendar.metrics import CalendarCollector
from exporters.collectors import AlarmCollector
from exporters.errors.api import create_errors_blueprint
from exporters.errors.classification import Surroundings
from exporters.errors.intake import CalendarFacts, ErrorIntake
from exporters.errors.metrics import ErrorMetrics
from exporters.pseudonyms import open_pseudonym_key
from wedsync_core.clock import Clock, SystemClock
from wedsync_core.settings import Settings
from wedsync_core.storage import Database, migrate
from wedsync_core.telemetry.traces import trace_service
from wedsync_core.web.application import create_service
from wedsync_core.web.auth import Role, Tokens
from wedsync_core.weddings.calendar import WeddingCalendar, open_calendar
from wedsync_core.weddings.zones import tzdata_version

NAME = "exporters"


@dataclass
class Exporters:
    """The running exporters. Tests turn ``alarms`` by hand; the server starts it."""

    app: Flask
    database: Database
    alarms: AlarmPoster
    calendar: WeddingCalendar

    def start(self) -> None:
        """Start the loops."""
        self.calendar.start()
        self.alarms.start()

    def stop(self) -> None:
        """Stop the loops; what is due stays in its row."""
        self.alarms.stop()
        self.calendar.stop()
        self.database.close()


def build_exporters(
    settings: Settings,
    *,
    clock: Clock | None = None,
    calendar: CalendarFacts | None = None,
    post: Post | None = None,
) -> Exporters:
    """Open the database, bring its schema up to date, and wire the rooms.

    ``clock``, ``calendar`` and ``post`` are replaced in tests. Raises Unavailable and SchemaNewerThanCode.
    """
    time = clock or SystemClock()
    registry = CollectorRegistry()
    home = settings.data_dir / NAME
    home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.telemetry_database_url)
    migrate(database, NAME)
    weddings = open_calendar(settings.calendar, home, time)
    facts = calendar or weddings.facts
    alarms = AlarmPoster(
        database=database,
        urls=settings.alertmanager.urls,
        post=post or post_over_http(),
        clock=time,
        metrics=AlarmMetrics(registry),
    )
    metrics = ErrorMetrics(registry, settings.services)
    intake = ErrorIntake(
        database=database,
        clock=time,
        calendar=facts,
        limits=settings.severity_limits,
        surroundings=Surroundings(
            services=frozenset(settings.services),
            regions=frozenset(settings.calendar.regions),
            service_of_workflow=settings.service_of_workflow,
            dashboard_url=f"{settings.grafana_url.rstrip('/')}/d/wedsync-overview",
        ),
        pseudonym_key=open_pseudonym_key(home / "pseudonym.key"),
        metrics=metrics,
        alarms=alarms,
    )
    registry.register(CalendarCollector(weddings, time, tzdata_version()))
    registry.register(AlarmCollector(database, time))

    def ready() -> None:
        database.check()
        alarms.check()

    app = create_service(
        NAME,
        tokens=Tokens({Role(name): path for name, path in settings.access.token_files.items()}),
        registry=registry,
        blueprints=(
            create_errors_blueprint(intake=intake, database=database, calendar=facts, clock=time, metrics=metrics),
        ),
        ready=ready,
    )
    trace_service(app, NAME, settings.otlp_endpoint)
    return Exporters(app, database, alarms, weddings)
