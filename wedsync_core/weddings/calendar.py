"""The calendar a service asks: the regions of the settings, the weddings of the list, kept fresh in the background."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Final

from wedsync_core.clock import Clock
from wedsync_core.season import Region, RegionFacts, facts, regions_by_name
from wedsync_core.settings import CalendarSettings
from wedsync_core.telemetry.logs import get_log
from wedsync_core.weddings.source import WeddingsInUse, WeddingSource

RETRY_SECONDS: Final = 30.0
"""After a reading that failed: soon enough for a restarting server, rare enough for a broken one."""


def regions_of(settings: CalendarSettings) -> dict[str, Region]:
    """Return the regions that the settings name, by name."""
    return regions_by_name(
        Region(
            name=name,
            zone=region.zone,
            hemisphere=region.hemisphere,
            peak_months=None if region.peak_months is None else frozenset(region.peak_months),
            public_holidays=frozenset(region.public_holidays),
        )
        for name, region in settings.regions.items()
    )


class WeddingCalendar:
    """Facts about any moment, without waiting for a network: the list is read by a thread of its own."""

    def __init__(self, settings: CalendarSettings, source: WeddingSource | None, clock: Clock) -> None:
        self.regions = regions_of(settings)
        self.source = source
        self._settings = settings
        self._clock = clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._log = get_log("calendar")
        self._remembered: tuple[tuple[datetime, WeddingsInUse | None], dict[str, RegionFacts]] | None = None

    def facts(self, now: datetime) -> dict[str, RegionFacts]:
        """Return the facts of every region at ``now``; without a list every Saturday is a wedding day.

        A second's facts are worked out once, as of its beginning: everything here begins on a whole second, and a
        storm asks with every alert.
        """
        known = self.source.current() if self.source else None
        moment = now.replace(microsecond=0)
        remembered = self._remembered
        if remembered is not None and remembered[0] == (moment, known):
            return dict(remembered[1])
        found = facts(
            moment,
            self.regions.values(),
            known.index if known else None,
            weddings_needed=self._settings.weddings_needed,
            list_is_fresh=known.list_is_fresh if known else False,
        )
        self._remembered = ((moment, known), found)
        return dict(found)

    def weddings(self) -> WeddingsInUse | None:
        """Return the list in use; None when no source is configured."""
        return self.source.current() if self.source else None

    def start(self) -> None:
        """Read the list now and then again as often as the settings say."""
        if self.source is not None and self._settings.weddings is not None:
            pause = self._settings.weddings.refresh.total_seconds()
            loop = threading.Thread(target=self._run, args=(self.source, pause), name="wedding-list", daemon=True)
            self._thread = loop
            loop.start()

    def stop(self) -> None:
        """End the reading."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self, source: WeddingSource, pause_seconds: float) -> None:
        told: str | None = None
        while not self._stopping.is_set():
            believed = False
            try:
                believed = source.refresh()
                told = self._tell(source.current().problem, told)
            except Exception as error:  # noqa: BLE001 -- the top of the loop: staleness is a metric with an alert
                self._log.error("wedding_list_failed", exc_info=error)
            self._stopping.wait(pause_seconds if believed else min(pause_seconds, RETRY_SECONDS))

    def _tell(self, problem: str | None, told: str | None) -> str | None:
        """Log a problem once, when it comes or changes, and its end; return what is now told."""
        if problem and problem != told:
            self._log.warning("wedding_list_problem", problem=problem)
        if told and not problem:
            self._log.info("wedding_list_good_again")
        return problem


def open_calendar(settings: CalendarSettings, keep_dir: Path, clock: Clock) -> WeddingCalendar:
    """Return the calendar of the settings; its last good list is kept under ``keep_dir``."""
    source = None
    if settings.weddings is not None:
        source = WeddingSource(
            settings.weddings.location,
            keep_dir=keep_dir,
            clock=clock,
            regions=regions_of(settings),
            stale_after_seconds=settings.weddings.stale_after.total_seconds(),
        )
    return WeddingCalendar(settings, source, clock)
