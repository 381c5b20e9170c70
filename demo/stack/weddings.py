"""The demonstration's wedding list: somebody marries now in two regions: a fault there is an emergency. Pure."""

from datetime import datetime, timedelta
from typing import Final

from wedsync_core.clock import format_timestamp

MARRYING_NOW: Final = ("london", "sydney")
"""Elsewhere it is whatever day it is: the same fault there shows the difference."""
_BEGAN: Final = timedelta(hours=2)
_LASTS: Final = timedelta(hours=14)


def wedding_list(now: datetime) -> str:
    """Return a list in the CSV form of docs/calendar.md."""
    starts, ends = format_timestamp(now - _BEGAN), format_timestamp(now - _BEGAN + _LASTS)
    rows = [f"demo-{region},{region},{starts},{ends},120" for region in MARRYING_NOW]
    return "\n".join(["wedding_id,region,starts_at,ends_at,guest_count", *rows]) + "\n"
