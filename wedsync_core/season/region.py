"""A region: a group of venues that share a time zone and a season. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from zoneinfo import ZoneInfo

from wedsync_core.season.fields import InvalidField
from wedsync_core.season.localtime import load_zone

Hemisphere = Literal["north", "south"]

PEAK_MONTHS: Final[dict[str, frozenset[int]]] = {
    # May to October. United Kingdom: the trade's season, fullest from July to September (hitched.co.uk, "When is
    # wedding season"). United States: October 20 % and September 15 % of the weddings of 2022 (The Knot).
    "north": frozenset({5, 6, 7, 8, 9, 10}),
    # October to April. Australia: October and November lead (Bureau of Statistics, Marriages 2009 and 2011), March did
    # in 2007; June and July are the fewest. Six months after the north alone would lose October.
    "south": frozenset({10, 11, 12, 1, 2, 3, 4}),
}
"""Months in which most couples marry, by hemisphere. A region that knows better names its own."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SATURDAY: Final = 5


@dataclass(frozen=True)
class Region:
    """Venues that share a zone and a season. `name` becomes a metric label; `zone` is an IANA key.

    Raises InvalidField, naming the field.
    """

    name: str
    zone: str
    hemisphere: Hemisphere = "north"
    peak_months: frozenset[int] | None = None
    """None: the hemisphere's own, PEAK_MONTHS. Empty: no peak season."""
    public_holidays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidField("name", f"{self.name[:64]!r} is not a lower-case name such as 'new_zealand'")
        if self.hemisphere not in PEAK_MONTHS:
            raise InvalidField("hemisphere", f"{self.hemisphere!r} is neither 'north' nor 'south'")
        if not set(self.peak_months or ()) <= set(range(1, 13)):
            raise InvalidField("peak_months", "a month is a number from 1 to 12")
        try:
            load_zone(self.zone)
        except ValueError as error:
            raise InvalidField("zone", str(error)) from error

    @property
    def time_zone(self) -> ZoneInfo:
        """The zone itself; zoneinfo keeps one object per key."""
        return load_zone(self.zone)

    def is_peak_month(self, month: int) -> bool:
        """Whether most couples here marry in this month, 1 to 12."""
        return month in (PEAK_MONTHS[self.hemisphere] if self.peak_months is None else self.peak_months)

    def is_free_day(self, day: date) -> bool:
        """Whether people here are off work, and so marry: Saturday, Sunday or a public holiday."""
        return day.weekday() >= _SATURDAY or day in self.public_holidays


def regions_by_name(regions: Iterable[Region]) -> dict[str, Region]:
    """Return the regions under their names, in the order given; raises InvalidField when a name is given twice."""
    by_name: dict[str, Region] = {}
    for region in regions:
        if region.name in by_name:
            raise InvalidField("name", f"the region {region.name!r} is given twice")
        by_name[region.name] = region
    return by_name
