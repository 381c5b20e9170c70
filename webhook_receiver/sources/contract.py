"""What the sources can be asked, whoever answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class SourceUnavailable(Exception):
    """A source did not answer, or not sensibly. Asking again later can help; nothing follows from its silence."""


class SourceRefused(Exception):
    """A source understood the question and said no (4xx). Asking the same again cannot help."""


@dataclass(frozen=True)
class UpstreamAlert:
    """One alert as Alertmanager holds it (``GET /api/v2/alerts``)."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    updated_at: datetime
    """When its sender last spoke of it: what shows that the sender lives."""
    state: str
    """``active``, ``suppressed`` or ``unprocessed``."""
    silenced_by: tuple[str, ...]
    inhibited_by: tuple[str, ...]
    muted_by: tuple[str, ...]
    receivers: tuple[str, ...]
    generator_url: str

    @property
    def suppressed(self) -> bool:
        """Whether Alertmanager keeps it from being told: silenced, inhibited or muted."""
        return self.state == "suppressed" or bool(self.silenced_by or self.inhibited_by or self.muted_by)


@dataclass(frozen=True)
class Matcher:
    """One condition of a silence."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


@dataclass(frozen=True)
class Silence:
    """A silence of Alertmanager."""

    silence_id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    state: str
    """``active``, ``pending`` or ``expired``."""


@dataclass(frozen=True)
class Evaluated:
    """An alert as Prometheus has it now. ``labels`` are without external ones."""

    labels: Mapping[str, str]
    firing: bool
    """Otherwise pending: its condition holds, for less than the rule's ``for``."""


@dataclass(frozen=True)
class Fired:
    """A time in which Prometheus had an alert firing (series ``ALERTS``). ``labels`` are without external ones."""

    labels: Mapping[str, str]
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class Sample:
    """The present value of a recorded series. ``labels`` are without the name."""

    name: str
    labels: Mapping[str, str]
    value: float


class Alertmanagers(Protocol):
    """All the Alertmanagers of the settings; one that answers speaks for all."""

    def alerts(self) -> Sequence[UpstreamAlert]:
        """Return every alert, the silenced and inhibited too; raises SourceUnavailable when none answers."""

    def silences(self) -> Sequence[Silence]:
        """Return the silences; raises SourceUnavailable."""

    def create_silence(
        self, matchers: Sequence[Matcher], starts_at: datetime, ends_at: datetime, *, created_by: str, comment: str
    ) -> str:
        """Create a silence; returns its id; raises SourceRefused and SourceUnavailable."""

    def expire_silence(self, silence_id: str) -> None:
        """End a silence now; raises SourceRefused when there is none of that id, and SourceUnavailable."""


class Prometheus(Protocol):
    """The Prometheus that evaluates the rules."""

    def alerts(self) -> Sequence[Evaluated]:
        """Return what fires or is pending now, the Watchdog too; raises SourceUnavailable."""

    def fired(self, start: datetime, end: datetime) -> Sequence[Fired]:
        """Return what fired in a past span; raises SourceUnavailable."""

    def recorded(self) -> Sequence[Sample]:
        """Return what the recording rules have made of the present; raises SourceUnavailable."""

    def up(self, job: str) -> bool:
        """Return whether every target of a job answers; raises SourceUnavailable."""

    def values(self, query: str) -> Sequence[float]:
        """Return the value of every series that a query has now; raises SourceUnavailable."""


@dataclass(frozen=True)
class Sources:
    """Whom the receiver asks."""

    alertmanagers: Alertmanagers
    prometheus: Prometheus
