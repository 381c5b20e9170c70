"""How errors are kept, as written in the file."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wedsync_core.settings.duration import Duration
from wedsync_core.settings.section import Name, Section


class ErrorRetention(Section):
    """How long what is known of errors is kept."""

    occurrences: Duration = timedelta(days=30)
    minutes: Duration = timedelta(days=3)
    hours: Duration = timedelta(days=92)
    days: Duration = timedelta(days=400)
    users: Duration = timedelta(days=92)
    recovered_uploads: Duration = timedelta(days=400)
    """What is still lost is kept for ever."""

    @model_validator(mode="after")
    def _coarser_is_longer(self) -> Self:
        if not timedelta(days=2) <= self.minutes <= self.hours <= self.days:
            raise ValueError("minutes must be kept for 2d at least, hours no shorter than minutes, days than hours")
        # Four weeks of the same hour make the expectation that a spike is measured by.
        if self.hours < timedelta(days=29):
            raise ValueError("hours must be kept for 29d at least: spikes are measured by the four weeks before")
        return self


class StormSettings(Section):
    """What is kept of a group that has very many errors: the counts are exact all the same."""

    first: Annotated[int, Field(ge=1)] = 100
    latest: Annotated[int, Field(ge=1)] = 100
    spread: Annotated[int, Field(ge=1)] = 200
    """Kept of every thousand between the first and the latest, evenly."""
    after: Duration = timedelta(minutes=15)
    """Younger occurrences are never thinned out: a report that is sent twice must find its first copy."""


class ErrorQuotas(Section):
    """What is taken in at most; more is answered 429 and counted, before the disk or the queue is in danger."""

    per_token: Annotated[int, Field(ge=1)] = 60_000
    """Reports a minute with one role's token."""
    per_project: Annotated[int, Field(ge=1)] = 12_000
    per_service: Annotated[int, Field(ge=1)] = 12_000
    reserved: Annotated[float, Field(ge=0, le=0.9)] = 0.2
    """The share of each that is kept for service failures, lost data and what affects weddings."""
    uncounted: Annotated[int, Field(ge=100)] = 50_000
    """Requests that are stored and not counted yet."""
    free_disk_mib: Annotated[int, Field(ge=16)] = 512


class ErrorProject(Section):
    """A project of the Sentry SDKs: what their DSN names, and what is known of all that comes with its key."""

    id: Annotated[int, Field(ge=1, le=10**15)]
    public_keys: Annotated[list[Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]], Field(min_length=1, max_length=2)]
    """Two while rotating. They stand in web pages: they open nothing but the door for reports."""
    service: Name
    level: Literal["frontend", "api", "database", "third_party"] | None = None
    """None: `frontend` for browsers, `api` for everything else."""
    region: Name | None = None


class GroupingRuleSettings(Section):
    """One rule: what an error or a frame must be like, with `*` for anything, and what follows."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    type: str = ""
    path: str = ""
    function: str = ""
    message: str = ""
    fingerprint: Annotated[list[str], Field(max_length=10)] = []
    """What is one error; `{{ default }}` stands for the usual basis."""
    app: bool | None = None
    """Whether the frames that fit are the service's own."""

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if bool(self.fingerprint) == (self.app is not None):
            raise ValueError("a rule has either fingerprint or app")
        if not (self.type or self.path or self.function or self.message):
            raise ValueError("a rule names a type, path, function or message")
        return self


class GroupingSettings(Section):
    """Which errors are one error, where a team knows better."""

    rules: Annotated[list[GroupingRuleSettings], Field(max_length=100)] = []


class ErrorSettings(Section):
    """The errors room."""

    quotas: ErrorQuotas = ErrorQuotas()
    projects: dict[Name, ErrorProject] = {}

    retention: ErrorRetention = ErrorRetention()
    storms: StormSettings = StormSettings()
    grouping: GroupingSettings = GroupingSettings()

    @model_validator(mode="after")
    def _projects_differ(self) -> Self:
        ids = [str(project.id) for project in self.projects.values()]
        keys = [key for project in self.projects.values() for key in project.public_keys]
        for what, values in (("id", ids), ("public key", keys)):
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                raise ValueError(f"projects: two have the {what} {twice}")
        return self
