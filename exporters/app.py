"""Wires the exporters together, and nothing else."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from flask import Flask
from prometheus_client import CollectorRegistry

from exporters.alarm.alertmanager import Post, post_over_http
from exporters.alarm.metrics import AlarmMetrics
from exporters.alarm.poster import AlarmPoster
from exporters.calendar.metrics import CalendarCollector
from exporters.collectors import AlarmCollector, ErrorsCollector
from exporters.errors.classification import CalendarFacts, Surroundings
from exporters.errors.keeper import Keeper
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.room import Around, nearness, open_errors_room
from exporters.evidence import Ask, ask_over_http
from exporters.pseudonyms import open_pseudonym_key
from wedsync_core.clock import Clock, SystemClock
from wedsync_core.season import WeddingIndex
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
    keeper: Keeper

    def start(self) -> None:
        """Start the loops."""
        self.calendar.start()
        self.alarms.start()
        self.keeper.start()

    def stop(self) -> None:
        """Stop the loops; what is due stays in its row."""
        self.keeper.stop()
        self.alarms.stop()
        self.calendar.stop()
        self.database.close()


def build_exporters(
    settings: Settings,
    *,
    clock: Clock | None = None,
    calendar: CalendarFacts | None = None,
    post: Post | None = None,
    ask: Ask | None = None,
) -> Exporters:
    """Open the database, bring its schema up to date, and wire the rooms.

    ``clock``, ``calendar``, ``post`` and ``ask`` are replaced in tests. Raises Unavailable and SchemaNewerThanCode.
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
    room = open_errors_room(
        Around(
            database=database,
            clock=time,
            calendar=facts,
            weddings=lambda: known_weddings(weddings),
            surroundings=surroundings_of(settings, weddings),
            limits=settings.severity_limits,
            pseudonym_key=open_pseudonym_key(home / "pseudonym.key"),
            alarms=alarms,
            ask=ask or ask_over_http(settings.prometheus.url),
            settings=settings.errors,
            metrics=ErrorMetrics(registry, settings.services),
            free_bytes=lambda: shutil.disk_usage(home).free,
        )
    )
    registry.register(CalendarCollector(weddings, time, tzdata_version()))
    registry.register(AlarmCollector(database, time))
    registry.register(ErrorsCollector(database, time, settings.calendar.regions))

    def ready() -> None:
        database.check()
        alarms.check()
        room.keeper.check()

    app = create_service(
        NAME,
        tokens=Tokens({Role(name): path for name, path in settings.access.token_files.items()}),
        registry=registry,
        blueprints=room.blueprints,
        ready=ready,
    )
    trace_service(app, NAME, settings.otlp_endpoint)
    return Exporters(app, database, alarms, weddings, room.keeper)


def surroundings_of(settings: Settings, weddings: WeddingCalendar) -> Surroundings:
    """Return what the errors room is to know of the house."""
    return Surroundings(
        services=frozenset(settings.services),
        regions=frozenset(settings.calendar.regions),
        service_of_workflow=settings.service_of_workflow,
        dashboard_url=f"{settings.grafana_url.rstrip('/')}/d/wedsync-errors",
        hours_to_wedding=nearness(lambda: known_weddings(weddings)),
    )


def known_weddings(weddings: WeddingCalendar) -> WeddingIndex | None:
    """Return the weddings that are known; None without a list."""
    in_use = weddings.weddings()
    return in_use.index if in_use is not None else None
