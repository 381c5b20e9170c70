"""The people and moments the tests tell their stories about."""

from datetime import UTC, datetime
from typing import Final

SUPPLIER: Final = "Amara Okafor"
SUPPLIER_COMPANY: Final = "Okafor Photography"
COUPLE: Final = "Priya & Tom"
ON_CALL: Final = "Noor"
PLATFORM_LEAD: Final = "Ines"
OUTSIDER: Final = "an outsider"

SATURDAY: Final = datetime(2026, 6, 13, 14, 0, tzinfo=UTC)
"""Priya & Tom's day, in peak season: Saturday 15:00 in London, 10:00 in New York, already Sunday in Sydney."""

TUESDAY: Final = datetime(2026, 1, 13, 10, 0, tzinfo=UTC)
"""An ordinary winter Tuesday, 10:00 in London; nobody marries."""
