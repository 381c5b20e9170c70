"""The wedding calendar: weekend, peak season and wedding day, each in the venue's own zone."""

from __future__ import annotations

from wedsync_core.season.facts import RegionFacts, Risk, facts
from wedsync_core.season.fields import FIRST_YEAR, LAST_YEAR, InvalidField
from wedsync_core.season.index import WeddingIndex
from wedsync_core.season.region import PEAK_MONTHS, Hemisphere, Region, regions_by_name
from wedsync_core.season.wedding import LONGEST_WEDDING, Wedding

__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "LONGEST_WEDDING",
    "PEAK_MONTHS",
    "Hemisphere",
    "InvalidField",
    "Region",
    "RegionFacts",
    "Risk",
    "Wedding",
    "WeddingIndex",
    "facts",
    "regions_by_name",
]
