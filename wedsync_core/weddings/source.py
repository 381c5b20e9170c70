"""The wedding list in use: read again in the background, the last good copy kept, and honest about its age."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from wedsync_core.clock import Clock
from wedsync_core.season import Region, WeddingIndex
from wedsync_core.weddings.contract import ListFormat, ParsedWeddings, UnreadableList, format_of, parse_weddings
from wedsync_core.weddings.download import Download, Fetch, Fetched, FetchFailed, is_url
from wedsync_core.weddings.kept import read_kept, write_kept

MOST_LOST: Final = 0.5
"""Share of the known future weddings, and of the rows, that one reading may lose and still be believed."""
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""A reading from further in the future than this was dated by a wrong clock: its age says nothing."""


@dataclass(frozen=True)
class WeddingsInUse:
    """The list as it stands. `index` is None when no list was ever read.

    `problem` is what somebody should mend, in words, also when the list is fresh: refused rows, a copy not kept.
    """

    index: WeddingIndex | None
    list_is_fresh: bool
    last_success_at: datetime | None
    weddings_count: int
    refused_count: int
    failures: int
    """Readings that failed or were held back since the process began."""
    problem: str | None


@dataclass(frozen=True)
class _State:
    index: WeddingIndex | None = None
    last_success_at: datetime | None = None
    digest: str = ""
    """Of the document that `index` was made from: the same bytes are not parsed again."""
    refused_count: int = 0
    refusals: str | None = None
    """About the list in use."""
    failures: int = 0
    trouble: str | None = "the wedding list has not been read yet"
    """About the latest reading."""


class WeddingSource:
    """The wedding list at a path or an http(s) URL. Safe for threads; nothing is read before it is asked.

    `current` answers at once and never waits for a network. `refresh` reads the list again and may block: it belongs
    in a background loop. Neither raises. A list that suddenly lacks more than `most_lost` of the known future weddings
    is held back: the one before stays in use and grows old, and an old list makes every Saturday a wedding day.
    """

    def __init__(
        self,
        location: str,
        *,
        keep_dir: Path,
        clock: Clock,
        regions: Mapping[str, Region],
        stale_after_seconds: float = 6 * 3600,
        list_format: ListFormat | Literal["auto"] = "auto",
        fetch: Fetch | None = None,
        most_lost: float = MOST_LOST,
    ) -> None:
        self._location = location
        self._keep_dir = keep_dir
        self._clock = clock
        self._regions = dict(regions)
        self._stale_after = timedelta(seconds=stale_after_seconds)
        self._list_format = list_format
        self._fetch = fetch or Download(clock)
        self._most_lost = most_lost
        self._state: _State | None = None
        self._restoring = threading.Lock()
        self._reading = threading.Lock()

    def current(self) -> WeddingsInUse:
        """Return the list in use and how far it can be trusted. The first call may read the kept copy from disk."""
        state = self._known()
        return WeddingsInUse(
            index=state.index,
            list_is_fresh=self._is_fresh(state.last_success_at),
            last_success_at=state.last_success_at,
            weddings_count=0 if state.index is None else len(state.index),
            refused_count=state.refused_count,
            failures=state.failures,
            problem=state.trouble or state.refusals,
        )

    def refresh(self) -> bool:
        """Read the list again; return whether it was read and believed. False at once while another thread reads."""
        if not self._reading.acquire(blocking=False):
            return False
        try:
            return self._read(self._known())
        finally:
            self._reading.release()

    def _is_fresh(self, last_success_at: datetime | None) -> bool:
        if last_success_at is None:
            return False
        age = self._clock.now() - last_success_at
        return -CLOCK_TOLERANCE <= age <= self._stale_after

    def _known(self) -> _State:
        if self._state is None:
            with self._restoring:
                # Another thread may have done it while this one waited.
                if self._state is None:
                    self._state = self._restored()
        return self._state

    def _restored(self) -> _State:
        try:
            kept = read_kept(self._keep_dir, self._regions)
        except (UnreadableList, OSError) as error:
            return _State(trouble=f"the kept copy cannot be used: {error}")
        if kept is None:
            return _State()
        return _State(
            index=WeddingIndex(kept.weddings),
            last_success_at=kept.last_success_at,
            trouble="in use is the copy kept from before the restart",
        )

    def _read(self, known: _State) -> bool:
        try:
            fetched = self._fetch(self._location)
            digest = hashlib.sha256(fetched.body).hexdigest()
            read = known if digest == known.digest else self._believed(fetched, digest, known)
        except (FetchFailed, UnreadableList) as error:
            return self._failed(known, str(error))
        except Exception as error:  # noqa: BLE001 - callers page people: whatever broke, they keep the last good list
            return self._failed(known, f"unexpected {type(error).__name__}: {error}"[:300])
        now = self._clock.now()
        self._state = replace(read, last_success_at=now, failures=known.failures, trouble=self._keep(read, now))
        return True

    def _keep(self, read: _State, now: datetime) -> str | None:
        """Keep the copy; return what was in the way."""
        try:
            write_kept(self._keep_dir, tuple(read.index or ()), now)
        except OSError as error:
            return f"the list is in use but could not be kept on disk: {error.strerror or error}"
        return None

    def _failed(self, known: _State, trouble: str) -> bool:
        self._state = replace(known, failures=known.failures + 1, trouble=trouble)
        return False

    def _believed(self, fetched: Fetched, digest: str, known: _State) -> _State:
        """Return the state of a new list; raises UnreadableList when it cannot be read or is not to be believed."""
        path = urlsplit(self._location).path if is_url(self._location) else self._location
        list_format = format_of(path, fetched.content_type) if self._list_format == "auto" else self._list_format
        parsed = parse_weddings(fetched.body, list_format, self._regions)
        reason = reason_to_doubt(parsed, known.index, self._clock.now(), self._most_lost)
        if reason:
            raise UnreadableList(f"held back: {reason}")
        return _State(
            index=WeddingIndex(parsed.weddings),
            digest=digest,
            refused_count=len(parsed.refused),
            refusals=_refusals(parsed),
        )


def reason_to_doubt(
    parsed: ParsedWeddings, previous: WeddingIndex | None, now: datetime, most_lost: float = MOST_LOST
) -> str | None:
    """Return why a list is more likely broken than true; None when it may be believed.

    An export cut short still parses: what gives it away is that most of the weddings to come are no longer there.
    """
    rows = len(parsed.weddings) + len(parsed.refused) + len(parsed.cancelled)
    if len(parsed.refused) > most_lost * rows:
        return _refusals(parsed)
    there = {wedding.wedding_id for wedding in parsed.weddings} | parsed.cancelled
    to_come = [wedding.wedding_id for wedding in previous or () if wedding.ends_at > now]
    missing = sum(wedding_id not in there for wedding_id in to_come)
    if missing > most_lost * len(to_come):
        return f"{missing} of {len(to_come)} known weddings to come are no longer in the list"
    return None


def _refusals(parsed: ParsedWeddings) -> str | None:
    if not parsed.refused:
        return None
    return f"{len(parsed.refused)} of the list's rows are refused, the first at {parsed.refused[0]}"
