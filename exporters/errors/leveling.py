"""How loud each group is now, and how loud it was to be expected: read from the counts, a few questions for all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from exporters.errors import life_store, tally_store
from exporters.errors.life import SPIKE_WINDOW, Level, Life, level
from exporters.errors.tally import HOUR, MINUTE
from exporters.errors.tally_store import Window
from wedsync_core.storage import Transaction

MOST_ACTIVE = 500
"""Groups looked at for a spike, the latest seen first."""
WEEKS = 4
"""How many of the same hours of earlier weeks make the expectation."""
_WEEK = 7 * 24 * HOUR


@dataclass(frozen=True)
class GroupLevel:
    """A group's life, its level, and how long it has been known."""

    life: Life
    level: Level
    age: timedelta


def levels(transaction: Transaction, now: datetime) -> dict[int, GroupLevel]:
    """Return the level of every group that is active, merged ones together with the group that stands for them."""
    rows = life_store.active(transaction, now - 2 * SPIKE_WINDOW, MOST_ACTIVE)
    roots = set(life_store.roots_of(transaction, [row.id for row in rows]).values())
    members = life_store.members_of(transaction, roots)
    lives = life_store.lives_of(transaction, members)
    first_seen = life_store.first_seen_of(transaction, [one for of_it in members.values() for one in of_it])
    every = [str(group) for group in first_seen]
    second = int(now.timestamp())
    minutes = [second // MINUTE * MINUTE - MINUTE * back for back in range(SPIKE_WINDOW // timedelta(seconds=MINUTE))]
    hours = [second // HOUR * HOUR - _WEEK * week for week in range(1, WEEKS + 1)]
    recent = tally_store.errors_in_buckets(transaction, "group", MINUTE, minutes, every)
    weekly = tally_store.errors_in_buckets(transaction, "group", HOUR, hours, every)
    before = tally_store.errors_by(transaction, "group", Window(minutes[-1] - 24 * HOUR, minutes[-1]), every)
    found = {}
    for root, of_it in members.items():
        if root not in lives:
            continue
        names = [str(group) for group in of_it]
        age = now - min(first_seen[group] for group in of_it)
        existed = [at for at in hours if second - at <= age.total_seconds()]
        same = [sum(weekly.get((name, at), 0) for name in names) for at in existed]
        in_window = sum(recent.get((name, at), 0) for name in names for at in minutes)
        day = sum(before.get(name, 0) for name in names)
        found[root] = GroupLevel(lives[root].life, level(in_window, same, day, age), age)
    return found
