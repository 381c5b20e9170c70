"""How incidents are run, as written in the file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from wedsync_core.settings.duration import Duration
from wedsync_core.settings.section import Name, Section, SeverityName


class EscalationStep(Section):
    """Who is told, this long after the incident opened."""

    after: Duration
    roles: Annotated[list[Name], Field(min_length=1)]


class PolicySettings(Section):
    """Steps in time, until enough people have acknowledged."""

    steps: Annotated[list[EscalationStep], Field(min_length=1, max_length=20)]
    repeat_every: Duration | None = timedelta(minutes=15)
    """After the last step the last one is taken again this often; None: the emergency role is told, once."""
    acknowledgements_needed: Annotated[int, Field(ge=1, le=20)] = 1
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

    def policy_for(self, severity: str, *, on_wedding_day: bool) -> str:
        """Return the policy of the first route that fits; the file is refused unless the last fits everything."""
        for route in self.routes:
            severity_fits = route.severity is None or severity in route.severity
            if severity_fits and route.on_wedding_day in (None, on_wedding_day):
                return route.policy
        raise LookupError("no route fits, though the last must fit everything")


class IncidentSettings(Section):
    """The life of an incident."""

    reopen_window: Duration = timedelta(minutes=5)
    """An alert that fires again this soon after it cleared continues its episode and its incident."""
    correlation_window: Duration = timedelta(minutes=10)
    """Alerts of one cause this close together form one incident: counted from its latest alert."""
    most_alerts: Annotated[int, Field(ge=2, le=1000)] = 200
    """An incident takes in no more by itself: the next one opens, and wakes, another."""


class ReconcileSettings(Section):
    """How our picture is compared with Alertmanager's and Prometheus'."""

    every: Duration = timedelta(seconds=30)
    grace: Duration = timedelta(seconds=45)
    """An alert this young may still be on its way to us."""
    look_back: Duration = timedelta(hours=6)
    """After an outage of ours, alerts that lived and died are looked for this far back at most."""
    undelivered_after: Annotated[Duration, Field(ge=timedelta(seconds=30))] = timedelta(minutes=2)
    """So long without a sign of any Alertmanager, and what fires in Prometheus is told from there."""

    @model_validator(mode="after")
    def _often_enough(self) -> Self:
        if not timedelta(seconds=1) <= self.every <= timedelta(minutes=5):
            raise ValueError("every must be 1s to 5m: until then nobody notices what was not told")
        if self.look_back < 2 * self.every:
            raise ValueError("look_back must be at least two passes long (every)")
        return self


class WatchdogSettings(Section):
    """The dead-man's switch, both ways."""

    late_after: Duration = timedelta(seconds=150)
    """Without a Watchdog for this long, nobody is watching: that is paged."""
    heartbeat_url_file: Path | None = None
    """A secret: an outside observer who calls when our heartbeat stops."""
    heartbeat_every: Duration = timedelta(seconds=60)


class AcknowledgeLinks(Section):
    """Links in messages by which a person acknowledges without logging in: signed, single-use, expiring."""

    key_file: Path
    expires: Duration = timedelta(hours=12)


class SuppressionRule(Section):
    """Incidents that are recorded and wake nobody. ``match`` compares labels for equality; all must be equal."""

    name: Name
    match: Annotated[dict[str, Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    up_to: SeverityName = "medium"
    """Anything more severe wakes people all the same."""


class SuppressionSettings(Section):
    """What is recorded in silence."""

    rules: list[SuppressionRule] = []


class RetentionSettings(Section):
    """How long the receiver keeps what is over. What is open, waits or fires is kept whatever its age."""

    incidents: Duration = timedelta(days=400)
    """With their logs and alerts, counted from the end: the same season of the year before can be looked at."""
    deliveries: Duration = timedelta(days=90)
    """Pages and calls of providers, counted from the end of their incident."""
    alerts: Duration = timedelta(days=90)
    """Alerts that belong to no incident."""
    answers: Duration = timedelta(days=7)
    """What was answered to an Idempotency-Key."""

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        if min(self.incidents, self.deliveries, self.alerts, self.answers) < timedelta(days=1):
            raise ValueError("everything must be kept for 1d at least")
        if self.deliveries > self.incidents:
            raise ValueError("deliveries go with their incidents: they cannot be kept longer")
        return self


class LiveSettings(Section):
    """Who may listen to what changes, and how often recorded metrics are told."""

    origins: list[Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]] = []
    """Other origins than the receiver's own whose pages may listen."""
    most_listeners: Annotated[int, Field(ge=1, le=5000)] = 800
    metrics_every: Duration = timedelta(seconds=5)

    @model_validator(mode="after")
    def _not_all_the_time(self) -> Self:
        if not timedelta(seconds=1) <= self.metrics_every <= timedelta(minutes=5):
            raise ValueError("metrics_every must be 1s to 5m")
        return self
