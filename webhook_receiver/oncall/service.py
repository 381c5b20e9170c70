"""The schedules with their overrides: who is on call, and how that is changed for a while."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from webhook_receiver.oncall import store
from webhook_receiver.oncall.contract import NewOverride, checked
from webhook_receiver.oncall.lookahead import is_usable, resolve
from webhook_receiver.oncall.overrides import Overrides
from webhook_receiver.oncall.rotation import days_of_shift
from webhook_receiver.oncall.schedule import Override, Span, at
from wedsync_core.clock import Clock
from wedsync_core.problems import Conflict, FieldProblem, Invalid, NotFound
from wedsync_core.settings import Settings
from wedsync_core.storage import Transaction

_INSTANT: Final = timedelta(microseconds=1)


class OnCall:
    """Who is on call, at any moment. The base is in the settings, so it answers without a database too."""

    def __init__(self, settings: Settings, overrides: Overrides, clock: Clock) -> None:
        self._settings = settings
        self._overrides = overrides
        self._clock = clock

    def on_call(self, schedule: str, now: datetime) -> list[str]:
        """Return the people on call in a schedule at ``now``. Paging hangs on it."""
        return self._people(schedule, now, self._overrides.in_effect(now, now + _INSTANT))

    def look_up(self, transaction: Transaction, now: datetime) -> None:
        """Read what ``on_call`` is about to be asked in a step's own transaction. Never raises; never spoils it."""
        self._overrides.look_up(transaction, now, now + _INSTANT)

    def on_call_as_last_known(self, schedule: str, now: datetime) -> list[str]:
        """Return the same without asking the database: for the last resort."""
        return self._people(schedule, now, self._overrides.last_known(now, now + _INSTANT))

    def resolved(self, begin: datetime, end: datetime) -> dict[str, list[Span]]:
        """Return the spans of every schedule in [begin, end)."""
        return resolve(self._settings, self.overrides(begin, end), begin, end)

    def overrides(self, begin: datetime, end: datetime) -> list[Override]:
        """Return the overrides in effect in [begin, end), those that cannot be used too."""
        return self._overrides.in_effect(begin, end)

    def overrides_changed(self) -> None:
        """Take note of an override that was just committed."""
        self._overrides.forget_latest()

    def _people(self, schedule: str, now: datetime, overrides: Iterable[Override]) -> list[str]:
        usable = [one for one in overrides if one.schedule == schedule and is_usable(self._settings, one)]
        return [one.person for one in at(self._settings.schedules[schedule], now, usable)]

    def longest_shift(self) -> timedelta:
        """Return the longest a shift of any schedule lasts, and a day for its clock changes."""
        layers = [layer for schedule in self._settings.schedules.values() for layer in schedule.layers]
        return timedelta(days=1 + max((days_of_shift(layer.rotation) for layer in layers), default=0))

    def add(self, transaction: Transaction, asked: NewOverride, by: str) -> tuple[Any, bool]:
        """Keep an override; return its row, and whether it is new. Raises Invalid, naming each wrong field."""
        now = self._clock.now()
        wanted = checked(asked, self._settings.people, self._settings.schedules, now)
        same = store.find_same(transaction, wanted)
        if same is not None:
            return same, False
        if wanted.replaces is not None:
            others = store.touching(transaction, wanted.starts_at, wanted.ends_at, wanted.schedule)
            found = resolve(self._settings, others, wanted.starts_at, wanted.ends_at)[wanted.schedule]
            if not any(wanted.replaces in span.people for span in found):
                detail = f"{wanted.replaces} is not on call in {wanted.schedule} in that time"
                raise Invalid(f"replaces: {detail}", FieldProblem("replaces", detail))
        return store.find(transaction, store.add(transaction, wanted, by=by, now=now)), True

    def cancel(self, transaction: Transaction, override_id: int) -> Any:
        """End an override; return its row. A second time changes nothing. Raises NotFound, Conflict when it is over."""
        now = self._clock.now()
        row = store.find(transaction, override_id)
        if row is None:
            raise NotFound(f"there is no override {override_id}")
        if row.cancelled_at is None and row.ends_at <= now:
            raise Conflict(f"override {override_id} has ended; there is nothing to cancel")
        store.cancel(transaction, override_id, now)
        return store.find(transaction, override_id)
