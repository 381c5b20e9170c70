"""Looking ahead, again and again: what will be missing, while there is time to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from webhook_receiver.oncall.coverage import LONGEST_WINDOW, LOOK_AHEAD
from webhook_receiver.oncall.findings import by_kind
from webhook_receiver.oncall.lookahead import Outlook, look_ahead, wedding_windows
from webhook_receiver.oncall.metrics import OnCallMetrics
from webhook_receiver.oncall.service import OnCall
from wedsync_core.clock import Clock
from wedsync_core.season import Region
from wedsync_core.settings import Settings
from wedsync_core.telemetry.logs import get_log
from wedsync_core.weddings.source import WeddingsInUse

UNCOVERED_WARNING: Final = timedelta(days=7)


class Reviewer:
    """Looks at the schedules as they will be. Every replica does: a series must not show what another once found."""

    def __init__(
        self,
        *,
        settings: Settings,
        on_call: OnCall,
        regions: Iterable[Region],
        weddings: Callable[[], WeddingsInUse | None],
        clock: Clock,
        metrics: OnCallMetrics,
    ) -> None:
        self._settings = settings
        self._on_call = on_call
        self._regions = tuple(regions)
        self._weddings = weddings
        self._clock = clock
        self._metrics = metrics
        self._log = get_log("oncall")
        self._told: set[tuple[str, str]] = set()

    def review(self) -> int:
        """Look ahead, show it as series, and log each finding once. Returns 0: it handles no rows."""
        found = self.look_ahead(self._clock.now())
        soon = found.now + UNCOVERED_WARNING
        uncovered = {
            "7d": sum(one.holes[0].starts_at < soon for one in found.uncovered),
            "30d": len(found.uncovered),
        }
        self._metrics.reviewed_at(found.now.timestamp(), by_kind(found.findings), uncovered, found.empty_seconds)
        self._tell(found)
        return 0

    def look_ahead(self, now: datetime) -> Outlook:
        """Return what will be missing in the 30 days from ``now``."""
        overrides = self._on_call.overrides(now, now + LOOK_AHEAD + LONGEST_WINDOW)
        known = self._weddings()
        index, fresh = (known.index, known.list_is_fresh) if known else (None, False)
        windows = wedding_windows(index, self._regions, now, list_is_fresh=fresh)
        return look_ahead(self._settings, overrides, windows, now)

    def _tell(self, found: Outlook) -> None:
        """Log what is new; what has ended may be told again."""
        present = {(one.kind.value, one.place): one.sentence for one in found.findings}
        for one in found.uncovered:
            # One line a day: the regions of a Saturday mostly lack the same people.
            sentence = f"{one.window.region}: {one.holes[0].reason}"
            present.setdefault(("uncovered_wedding", str(one.window.day)), sentence)
        for (kind, place), sentence in present.items():
            if (kind, place) not in self._told:
                self._log.warning("oncall_finding", kind=kind, place=place, sentence=sentence)
        self._told = set(present)
