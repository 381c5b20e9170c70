"""What is raised: an alarm, as the rooms that judge hand it over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Alarm:
    """A reason to tell Alertmanager at once. `group_key` and `region` identify it; the rest may change while it lasts.

    The labels are what Alertmanager knows it by: values from closed sets only.
    """

    group_key: str
    region: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    severity_rank: int
    occurred_at: datetime
