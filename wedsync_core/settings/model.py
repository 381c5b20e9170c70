"""The shape of ``wedsync.yml``. Defaults are what a single machine on loopback wants."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from wedsync_core.settings.channels import ChannelSettings
from wedsync_core.settings.duration import Duration
from wedsync_core.settings.engine import (
    AcknowledgeLinks,
    EscalationSettings,
    IncidentSettings,
    LiveSettings,
    ReconcileSettings,
    RetentionSettings,
    SuppressionSettings,
    WatchdogSettings,
)
from wedsync_core.settings.errors import ErrorSettings
from wedsync_core.settings.people import Person, RoleMembers, Schedule
from wedsync_core.settings.runbooks import RunbookSettings
from wedsync_core.settings.section import Name, Port, Section
from wedsync_core.severity import SeveritySettings

RoleName = Literal["ingest", "viewer", "responder", "admin", "alertmanager"]
WorkflowName = Literal["photo_upload", "messaging", "payment", "booking", "timeline"]


class ListenSettings(Section):
    """Where a service listens."""

    host: str = "127.0.0.1"
    port: Port
    threads: Annotated[int, Field(ge=2, le=64)] = 8
    public_url: str | None = None
    """How people reach it, for links in messages; the listening address by default."""

    @property
    def url(self) -> str:
        """The address for links."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


class DatabaseSettings(Section):
    """Two databases, so that an ingest storm never holds a lock the pager needs. None: a SQLite file in data_dir."""

    telemetry: str | None = None
    incidents: str | None = None


class AccessSettings(Section):
    """A token file for each role: one live value a line, at most two."""

    token_files: dict[RoleName, Path]


class PrometheusSettings(Section):
    """Where Prometheus answers queries."""

    url: str = "http://127.0.0.1:9090"


class AlertmanagerSettings(Section):
    """Every Alertmanager of the pair or cluster: alerts are posted to all of them."""

    urls: Annotated[list[str], Field(min_length=1)] = ["http://127.0.0.1:9093"]
    receivers: Annotated[list[str], Field(min_length=1)] = ["receiver", "receiver-watchdog"]
    """The receivers in its configuration that lead to us: an alert routed to another is not ours to page."""


class RegionSettings(Section):
    """A group of venues that share a time zone and a season."""

    zone: str
    hemisphere: Literal["north", "south"] = "north"
    peak_months: list[Annotated[int, Field(ge=1, le=12)]] | None = None
    """None: the hemisphere's usual months."""
    public_holidays: list[date] = []


class WeddingListSettings(Section):
    """Where the real weddings are read from: a file or a URL; CSV, iCal or JSON."""

    location: str
    refresh: Duration = timedelta(minutes=5)
    stale_after: Duration = timedelta(hours=6)


class CalendarSettings(Section):
    """What the days mean."""

    regions: Annotated[dict[Name, RegionSettings], Field(min_length=1, max_length=20)]
    weddings: WeddingListSettings | None = None
    weddings_needed: Annotated[int, Field(ge=1)] = 1


class SeverityFigures(Section):
    """What raises a severity."""

    many_users: Annotated[int, Field(ge=1)] = 100
    near_wedding: Duration = timedelta(hours=24)


class Settings(Section):
    """The whole file."""

    data_dir: Path = Path("var/data")
    services: list[Name] = []
    workflows: dict[WorkflowName, Name] = {}
    """The service that carries each wedding workflow."""
    depends_on: dict[Name, list[Name]] = {}
    """The services and third parties that each service calls: what fails there shows here."""
    exporters: ListenSettings = ListenSettings(port=8081)
    receiver: ListenSettings = ListenSettings(port=8082)
    databases: DatabaseSettings = DatabaseSettings()
    access: AccessSettings
    prometheus: PrometheusSettings = PrometheusSettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    grafana_url: str = "http://127.0.0.1:3000"
    calendar: CalendarSettings
    severity: SeverityFigures = SeverityFigures()
    errors: ErrorSettings = ErrorSettings()
    people: Annotated[dict[Name, Person], Field(min_length=1)]
    schedules: dict[Name, Schedule] = {}
    roles: dict[Name, RoleMembers]
    channels: Annotated[dict[Name, ChannelSettings], Field(min_length=1)]
    escalation: EscalationSettings
    incidents: IncidentSettings = IncidentSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    retention: RetentionSettings = RetentionSettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    suppression: SuppressionSettings = SuppressionSettings()
    acknowledge_links: AcknowledgeLinks | None = None
    live: LiveSettings = LiveSettings()
    runbooks: RunbookSettings = RunbookSettings()
    otlp_endpoint: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def severity_limits(self) -> SeveritySettings:
        """The figures that severity is judged with."""
        return SeveritySettings(
            weddings_needed=self.calendar.weddings_needed,
            many_users=self.severity.many_users,
            near_wedding_hours=self.severity.near_wedding.total_seconds() / 3600,
        )

    @property
    def service_of_workflow(self) -> dict[str, str]:
        """The service that carries each wedding workflow."""
        return {str(workflow): service for workflow, service in self.workflows.items()}

    @property
    def telemetry_database_url(self) -> str:
        """The exporters' database."""
        return self.databases.telemetry or f"sqlite:///{self.data_dir / 'telemetry.sqlite'}"

    @property
    def incidents_database_url(self) -> str:
        """The receiver's database."""
        return self.databases.incidents or f"sqlite:///{self.data_dir / 'incidents.sqlite'}"
