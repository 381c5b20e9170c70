"""Puts the errors room together: its routes, and the keeper that goes with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flask import Blueprint

from exporters.errors.admission import Admission
from exporters.errors.analytics_api import create_analytics_blueprint
from exporters.errors.api import create_errors_blueprint
from exporters.errors.classification import CalendarFacts, HoursToWedding, Surroundings
from exporters.errors.correlate_api import create_correlation_blueprint
from exporters.errors.counting import Counting
from exporters.errors.envelope_api import EnvelopeDoor, create_envelope_blueprint
from exporters.errors.group_api import Weddings, create_groups_blueprint
from exporters.errors.impact import hours_to
from exporters.errors.intake import Alarms, ErrorIntake
from exporters.errors.keeper import Keeper
from exporters.errors.metrics import ErrorMetrics
from exporters.errors.moving import Moving
from exporters.errors.pruning import Pruning
from exporters.errors.rules import GroupingRule
from exporters.errors.upload_api import create_uploads_blueprint
from exporters.errors.watching import Alarms as WatchedAlarms
from exporters.errors.watching import Watching
from exporters.evidence import Ask
from wedsync_core.clock import Clock
from wedsync_core.settings.errors import ErrorSettings
from wedsync_core.severity import SeveritySettings
from wedsync_core.storage import Database


class AllAlarms(Alarms, WatchedAlarms, Protocol):
    """What looks after the alarms that errors raise, from their first to their end."""


@dataclass(frozen=True, kw_only=True)
class Around:
    """What the room stands on, and whom it talks to."""

    database: Database
    clock: Clock
    calendar: CalendarFacts
    weddings: Weddings
    surroundings: Surroundings
    limits: SeveritySettings
    pseudonym_key: bytes
    alarms: AllAlarms
    ask: Ask
    settings: ErrorSettings
    metrics: ErrorMetrics
    free_bytes: Callable[[], int]
    """Room left on the disk that the errors are stored on."""


@dataclass(frozen=True)
class ErrorsRoom:
    """Its routes, and what has to be started and stopped."""

    blueprints: tuple[Blueprint, ...]
    keeper: Keeper


def open_errors_room(around: Around) -> ErrorsRoom:
    """Put the room together; nothing runs yet."""
    database, clock, metrics = around.database, around.clock, around.metrics
    counting = Counting(database=database, clock=clock, metrics=metrics, services=around.surroundings.services)
    intake = ErrorIntake(
        database=database,
        clock=clock,
        calendar=around.calendar,
        limits=around.limits,
        surroundings=around.surroundings,
        pseudonym_key=around.pseudonym_key,
        metrics=metrics,
        alarms=around.alarms,
        rules=[
            GroupingRule(**{**rule.model_dump(), "fingerprint": tuple(rule.fingerprint)})
            for rule in around.settings.grouping.rules
        ],
    )
    admission = Admission(
        quotas=around.settings.quotas,
        services=around.surroundings.service_label,
        database=database,
        free_bytes=around.free_bytes,
        clock=clock,
        metrics=metrics,
    )
    door = EnvelopeDoor(
        projects=around.settings.projects, intake=intake, admission=admission, clock=clock, metrics=metrics
    )
    watching = Watching(
        database=database,
        calendar=around.calendar,
        ask=around.ask,
        alarms=around.alarms,
        surroundings=around.surroundings,
    )
    pruning = Pruning(database=database, settings=around.settings, metrics=metrics)
    keeper = Keeper(counting=counting, watching=watching, pruning=pruning, clock=clock, metrics=metrics)
    blueprints = (
        create_errors_blueprint(intake=intake, admission=admission, clock=clock, metrics=metrics),
        create_envelope_blueprint(door),
        create_analytics_blueprint(
            counting=counting,
            database=database,
            calendar=around.calendar,
            clock=clock,
            retention=around.settings.retention,
        ),
        create_groups_blueprint(
            counting=counting,
            moving=Moving(around.alarms),
            database=database,
            weddings=around.weddings,
            clock=clock,
            wake=around.alarms.wake,
        ),
        create_correlation_blueprint(database=database),
        create_uploads_blueprint(counting=counting, database=database, clock=clock, metrics=metrics),
    )
    return ErrorsRoom(blueprints, keeper)


def nearness(weddings: Weddings) -> HoursToWedding:
    """Return what tells how near a wedding is, by its id."""

    def hours(wedding_id: str, now: datetime) -> float | None:
        index = weddings()
        return hours_to(index.get(wedding_id), now) if index is not None else None

    return hours
