"""When people do what on a wedding Saturday, by the clock of the venue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from exporters.instrumentation import WorkflowName

MIDNIGHT: Final = datetime(2026, 6, 13, tzinfo=UTC)
"""The Saturday that is played, again and again."""
BEGINS_AT: Final = timedelta(hours=6)
"""Where in it a run begins: morning in Europe, evening in Oceania."""

# Activity from 0 to 9 for each hour of the venue's day, 00 to 23, as people keep it: the bride's mother writes at
# seven, suppliers look at the timeline all morning, photos peak at the vows and again on the dance floor, couples
# settle bills at noon and other couples, at home in the evening, book.
_HOURS: Final[Mapping[WorkflowName, str]] = {
    "photo_upload": "521000012235677899887898",
    "messaging": "100000358999865444333322",
    "payment": "000000001235777543334432",
    "booking": "100000012334433334678752",
    "timeline": "000000379999998876543211",
}
_SHARES: Final[Mapping[WorkflowName, float]] = {
    "photo_upload": 0.30,
    "messaging": 0.20,
    "payment": 0.18,
    "booking": 0.15,
    "timeline": 0.17,
}
_NEVER_QUIET: Final = 6.0
"""Added to each hour: the windows of the alert rules are half a minute and ask for three failures, so that at 20
requests a second each workflow in each region needs about one every three seconds."""


def moment(elapsed: float, day_minutes: float) -> datetime:
    """Return the played moment, aware, `elapsed` real seconds into a run whose days last `day_minutes`."""
    played = timedelta(seconds=elapsed * 1440 / day_minutes) + BEGINS_AT
    return MIDNIGHT + played % timedelta(days=1)


def weights(now: datetime, regions: Mapping[str, str]) -> dict[tuple[WorkflowName, str], float]:
    """Return how likely each workflow in each region is at a played moment; `regions` maps names to time zones."""
    found: dict[tuple[WorkflowName, str], float] = {}
    for region, zone in regions.items():
        hour = now.astimezone(ZoneInfo(zone)).hour
        for workflow, hours in _HOURS.items():
            found[workflow, region] = _SHARES[workflow] * (_NEVER_QUIET + int(hours[hour]))
    return found
