"""Weddings sorted once, so that asking about a moment never walks the whole list. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from wedsync_core.season.wedding import Wedding

Spans = tuple[list[datetime], list[datetime]]
"""Openings and closings of spans that never touch, both ascending."""


class _RegionWeddings:
    """The bounds of one region's weddings. A count at a moment is two binary searches."""

    def __init__(self, weddings: list[Wedding]) -> None:
        windows = [wedding.day_window() for wedding in weddings]
        self._opens = sorted(opens for opens, _ in windows)
        self._closes = sorted(closes for _, closes in windows)
        self._starts = sorted(wedding.starts_at for wedding in weddings)
        self._ends = sorted(wedding.ends_at for wedding in weddings)
        self._spans: dict[int, Spans] = {}

    def in_progress(self, moment: datetime) -> int:
        return bisect_right(self._opens, moment) - bisect_right(self._closes, moment)

    def under_way(self, moment: datetime) -> int:
        return bisect_right(self._starts, moment) - bisect_right(self._ends, moment)

    def spans(self, needed: int) -> Spans:
        # Two threads may both work this out; they store the same value.
        if needed not in self._spans:
            self._spans[needed] = self._sweep(needed)
        return self._spans[needed]

    def _sweep(self, needed: int) -> Spans:
        """Walk the bounds in order. At equal moments windows open before others close, so that spans merge."""
        begun: list[datetime] = []
        over: list[datetime] = []
        count = closed = 0
        for opens in self._opens:
            while self._closes[closed] < opens:
                if count == needed:
                    over.append(self._closes[closed])
                count -= 1
                closed += 1
            count += 1
            if count == needed:
                begun.append(opens)
        for closes in self._closes[closed:]:
            if count == needed:
                over.append(closes)
            count -= 1
        return begun, over


_NONE: Final = _RegionWeddings([])


class WeddingIndex:
    """Weddings by region, built once for each list that is loaded and never changed. Safe to share between threads.

    Of several weddings with one id the last stands.
    """

    def __init__(self, weddings: Iterable[Wedding] = ()) -> None:
        self._by_id = {wedding.wedding_id: wedding for wedding in weddings}
        by_region: defaultdict[str, list[Wedding]] = defaultdict(list)
        for wedding in self._by_id.values():
            by_region[wedding.region].append(wedding)
        self._regions = {region: _RegionWeddings(here) for region, here in by_region.items()}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Wedding]:
        return iter(self._by_id.values())

    def get(self, wedding_id: str) -> Wedding | None:
        """Return the wedding of that id, if the list has it."""
        return self._by_id.get(wedding_id)

    def in_progress(self, region: str, moment: datetime) -> int:
        """Return how many weddings of the region have their day window open."""
        return self._regions.get(region, _NONE).in_progress(moment)

    def under_way(self, region: str, moment: datetime) -> int:
        """Return how many weddings of the region have begun and not ended: never more than are in progress."""
        return self._regions.get(region, _NONE).under_way(moment)

    def span_at(self, region: str, moment: datetime, needed: int) -> tuple[datetime, datetime] | None:
        """Return the unbroken time around `moment` in which at least `needed` windows are open; None outside one."""
        begun, over = self._regions.get(region, _NONE).spans(needed)
        position = bisect_right(begun, moment) - 1
        return (begun[position], over[position]) if position >= 0 and moment < over[position] else None

    def next_span(self, region: str, moment: datetime, needed: int) -> datetime | None:
        """Return when the next such time begins, later than `moment`; None when the list holds no more."""
        begun, _ = self._regions.get(region, _NONE).spans(needed)
        position = bisect_right(begun, moment)
        return begun[position] if position < len(begun) else None
