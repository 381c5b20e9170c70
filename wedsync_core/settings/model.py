"""The shape of ``wedsync.yml``. Defaults are what a single machine on loopback wants."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wedsync_core.settings.duration import Duration
from wedsync_core.severity import SeveritySettings

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""A name that can stand in a label, a URL and a file name."""
SeverityName = Literal["critical", "high", "medium", "low"]
RoleName = Literal["ingest", "viewer", "responder", "admin", "alertmanager"]
WorkflowName = Literal["photo_upload", "messaging", "payment", "booking", "timeline"]
Port = Annotated[int, Field(ge=1, le=65535)]
EVERYONE: Name = "all_hands"
"""The role that stands for every person."""


class Section(BaseModel):
    """A part of the file: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class ConsoleChannel(Section):
    """Pages as lines: in the service's log, or appended to a file."""

    kind: Literal["console"]
    file: Path | None = None


class WebhookChannel(Section):
    """Pages as signed HTTP posts."""

    kind: Literal["webhook"]
    url: Annotated[str, Field(pattern=r"^https?://")]
    signing_key_file: Path
    timeout: Duration = timedelta(seconds=5)


class EmailChannel(Section):
    """Pages as mail through an SMTP server."""

    kind: Literal["email"]
    host: str
    port: Port = 587
    sender: str
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password_file: Path | None = None
    timeout: Duration = timedelta(seconds=10)


ChannelSettings = Annotated[ConsoleChannel | WebhookChannel | EmailChannel, Field(discriminator="kind")]


class ContactMethod(Section):
    """One way of reaching a person."""

    channel: Name
    address: str | None = None
    severities: list[SeverityName] = ["critical", "high", "medium", "low"]


class Person(Section):
    """Somebody who can be paged. The order of ``contact`` is the order of preference."""

    name: str
    contact: Annotated[list[ContactMethod], Field(min_length=1)]


class EscalationStep(Section):
    """Who is told, this long after the incident opened."""

    after: Duration
    roles: Annotated[list[Name], Field(min_length=1)]


class PolicySettings(Section):
    """Steps in time, until somebody acknowledges."""

    steps: Annotated[list[EscalationStep], Field(min_length=1, max_length=20)]
    repeat_every: Duration | None = timedelta(minutes=15)
    """After the last step the last one is taken again this often; None: the emergency role is told, once."""
    acknowledgement_expires: Duration | None = timedelta(minutes=60)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        delays = [step.after for step in self.steps]
        if delays != sorted(set(delays)):
            raise ValueError("steps must be in the order of `after`, each later than the one before")
        if delays[0] > timedelta():
            raise ValueError("the first step must be at once: after: 0s")
        return self


class PolicyRoute(Section):
    """Which incidents follow a policy; the first route that fits decides. An absent condition always fits."""

    policy: Name
    severity: list[SeverityName] | None = None
    on_wedding_day: bool | None = None


class EscalationSettings(Section):
    """Policies, and which incident follows which."""

    policies: Annotated[dict[Name, PolicySettings], Field(min_length=1)]
    routes: Annotated[list[PolicyRoute], Field(min_length=1)]
    emergency_role: Name = "emergency_contacts"
    """Who is told when a step finds nobody."""


class Settings(Section):
    """The whole file."""

    data_dir: Path = Path("var/data")
    services: list[Name] = []
    workflows: dict[WorkflowName, Name] = {}
    """The service that carries each wedding workflow."""
    exporters: ListenSettings = ListenSettings(port=8081)
    receiver: ListenSettings = ListenSettings(port=8082)
    databases: DatabaseSettings = DatabaseSettings()
    access: AccessSettings
    prometheus: PrometheusSettings = PrometheusSettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    grafana_url: str = "http://127.0.0.1:3000"
    calendar: CalendarSettings
    severity: SeverityFigures = SeverityFigures()
    people: Annotated[dict[Name, Person], Field(min_length=1)]
    roles: dict[Name, list[Name]]
    channels: Annotated[dict[Name, ChannelSettings], Field(min_length=1)]
    escalation: EscalationSettings
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
