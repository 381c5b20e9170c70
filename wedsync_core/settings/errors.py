"""How errors are kept, as written in the file."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from wedsync_core.settings.duration import Duration
from wedsync_core.settings.section import Section


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


class ErrorSettings(Section):
    """The errors room."""

    retention: ErrorRetention = ErrorRetention()
    storms: StormSettings = StormSettings()
