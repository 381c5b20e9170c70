"""What a moment means in each region: one risk, its reason, and when it next changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import count
from typing import Final

from wedsync_core.season.fields import moment_within_years
from wedsync_core.season.index import WeddingIndex
from wedsync_core.season.localtime import (
    MIDNIGHT,
    WEDDING_DAY_CLOSES,
    first_moment,
    last_moment,
    local_date,
    shown_time,
    wedding_day_window,
)
from wedsync_core.season.region import Region, regions_by_name

_ONE_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_NO_WEDDINGS: Final = WeddingIndex()


class Risk(StrEnum):
    """How much a failure costs here and now. From mild to strict; the strictest that holds is the one."""

    NORMAL = "normal"
    PEAK_SEASON = "peak_season"
    WEEKEND = "weekend"
    WEDDING_DAY = "wedding_day"


@dataclass(frozen=True)
class RegionFacts:
    """One region at one moment. The flags are independent of each other; `risk` is the strictest of them."""

    region: str
    risk: Risk
    is_weekend: bool
    """Saturday, Sunday or a public holiday at the venues, and the night after it until 02:00."""
    is_peak_season: bool
    is_wedding_day: bool
    """Enough wedding days are open, or every Saturday counts because the list cannot be trusted."""
    weddings_in_progress: int
    """Weddings whose day window is open: 06:00 to 02:00 at the venue, and the wedding itself."""
    weddings_under_way: int
    """Of these, the ones that have begun and not ended."""
    local_time: datetime
    """What the venues' clocks show, with its offset."""
    reason: str
    next_change_at: datetime
    """The first later moment, in UTC, at which `risk` is another one, should the wedding list stay as it is."""


def facts(
    now: datetime,
    regions: Iterable[Region],
    weddings: WeddingIndex | None,
    *,
    weddings_needed: int = 1,
    list_is_fresh: bool = True,
) -> dict[str, RegionFacts]:
    """Return the facts of every region at `now`, by region name.

    `weddings` None (no list was ever read) or `list_is_fresh` false makes every local Saturday's day window, 06:00 to
    02:00, a wedding day: a calendar that is not known is the strictest one. Weddings of an old list still count.
    Raises ValueError for a naive `now`, one outside the years 1970 to 2199, and `weddings_needed` below 1.
    """
    moment = moment_within_years(now, "now")
    if weddings_needed < 1:
        raise ValueError(f"weddings_needed: {weddings_needed} is less than 1")
    known = _NO_WEDDINGS if weddings is None else weddings
    distrust = "missing" if weddings is None else "" if list_is_fresh else "out of date"
    return {
        name: _RegionCalendar(region, known, weddings_needed, distrust).facts(moment)
        for name, region in regions_by_name(regions).items()
    }


@dataclass(frozen=True)
class _RegionCalendar:
    """The rules of one region. Between two neighbouring boundaries nothing here changes."""

    region: Region
    weddings: WeddingIndex
    needed: int
    distrust: str
    """Why the wedding list cannot be trusted; empty when it can."""

    def facts(self, moment: datetime) -> RegionFacts:
        name, day = self.region.name, local_date(moment, self.region.time_zone)
        risk, reason = self._judge(moment, day)
        return RegionFacts(
            region=name,
            risk=risk,
            is_weekend=self._free_day(moment, day) is not None,
            is_peak_season=self.region.is_peak_month(day.month),
            is_wedding_day=risk is Risk.WEDDING_DAY,
            weddings_in_progress=self.weddings.in_progress(name, moment),
            weddings_under_way=self.weddings.under_way(name, moment),
            local_time=shown_time(moment, self.region.time_zone),
            reason=reason,
            next_change_at=self._next_change(moment, risk),
        )

    def _judge(self, moment: datetime, day: date) -> tuple[Risk, str]:
        """Return the strictest risk that holds, and why."""
        if self.weddings.span_at(self.region.name, moment, self.needed):
            number = self.weddings.in_progress(self.region.name, moment)
            return Risk.WEDDING_DAY, "a wedding is in progress" if number == 1 else f"{number} weddings are in progress"
        if self.distrust and self._is_saturday_window(moment, day):
            return Risk.WEDDING_DAY, f"Saturday, and the wedding list is {self.distrust}: it counts as a wedding day"
        free = self._free_day(moment, day)
        if free is not None:
            what = f"the public holiday of {free}" if free in self.region.public_holidays else f"{free:%A}"
            return Risk.WEEKEND, f"{what} in {self.region.zone}" if free == day else f"the night after {what}"
        if self.region.is_peak_month(day.month):
            return Risk.PEAK_SEASON, f"{day:%B} is peak season here"
        return Risk.NORMAL, f"an ordinary {day:%A}"

    def _free_day(self, moment: datetime, day: date) -> date | None:
        """Return the free day that `moment` belongs to: the day itself, or until 02:00 the day before."""
        if self.region.is_free_day(day):
            return day
        yesterday = day - _ONE_DAY
        night_ends = last_moment(day, WEDDING_DAY_CLOSES, self.region.time_zone)
        return yesterday if self.region.is_free_day(yesterday) and moment < night_ends else None

    def _is_saturday_window(self, moment: datetime, day: date) -> bool:
        for saturday in (day, day - _ONE_DAY):
            if saturday.weekday() == _SATURDAY:
                opens, closes = wedding_day_window(saturday, self.region.time_zone)
                return opens <= moment < closes
        return False

    def _next_change(self, moment: datetime, risk: Risk) -> datetime:
        """Walk the boundaries, not the minutes. It ends: the list is finite, and every week has both kinds of day."""
        calendar = self._calendar_boundaries(moment)
        boundary = next(calendar)
        while True:
            while boundary <= moment:
                boundary = next(calendar)
            span = self.weddings.span_at(self.region.name, moment, self.needed)
            bound = span[1] if span else self.weddings.next_span(self.region.name, moment, self.needed)
            moment = boundary if bound is None else min(boundary, bound)
            if self._judge(moment, local_date(moment, self.region.time_zone))[0] is not risk:
                return moment

    def _calendar_boundaries(self, moment: datetime) -> Iterator[datetime]:
        """Yield, ascending, the moments from the day of `moment` on at which anything but a wedding changes the risk.

        The dates are sifted before any is converted: most days change nothing.
        """
        region, zone = self.region, self.region.time_zone
        today = local_date(moment, zone)
        for day in (today + timedelta(days=step) for step in count()):
            yesterday = day - _ONE_DAY
            was_free, is_free = region.is_free_day(yesterday), region.is_free_day(day)
            season_turns = region.is_peak_month(yesterday.month) != region.is_peak_month(day.month)
            if was_free != is_free or season_turns:
                yield first_moment(day, MIDNIGHT, zone)
            if was_free != is_free or _SATURDAY in (yesterday.weekday(), day.weekday()):
                yield last_moment(day, WEDDING_DAY_CLOSES, zone)
            if day.weekday() == _SATURDAY:
                yield wedding_day_window(day, zone)[0]
