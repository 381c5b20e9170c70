"""How many messages a person gets by a channel, and what goes together into one. Pure.

The limit is hard: never more than ``messages`` in any span of ``per``. Within it two things are decided:

*Shares.* A critical page may take any slot. Messages whose worst page is not critical may fill half of the slots, and
those with nothing high either a quarter: whatever storms, slots are left for what is critical.

*Spacing.* The first third of the slots is free, so that two or three incidents in a row are told at once. Then the
gaps grow by equal steps, and the gap after the last slot is the largest of them: five messages in 15 minutes go at 0,
0, 1.5, 4.5 and 9 minutes, and the sixth at 15. Without it a burst of five would leave a critical page waiting for a
quarter of an hour; with it that is six minutes, and a message carries all that came meanwhile. Gaps are counted from
messages at least as severe, so that a critical page in a storm of others goes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

CRITICAL, HIGH, MEDIUM = 3, 2, 1
"""Ranks of severities, as ``wedsync_core.severity`` numbers them."""
SINGLES = 3
"""Up to this many pages that wait together go out one by one, while slots are free."""
_AT_ONCE = timedelta()


@dataclass(frozen=True)
class Limit:
    """At most so many messages in any span."""

    messages: int
    per: timedelta


@dataclass(frozen=True)
class Went:
    """A message that took a slot: when it was certainly over, and the rank of its worst page."""

    at: datetime
    rank: int


@dataclass(frozen=True)
class Verdict:
    """The messages to send now, as positions in what waits; what is left waits until ``next_at``.

    ``reason`` is ``nothing_waits``, ``unlimited``, ``one_by_one``, ``bundled`` or ``no_slot``.
    """

    messages: tuple[tuple[int, ...], ...]
    next_at: datetime | None
    reason: str


def decide(ranks: Sequence[int], went: Sequence[Went], limit: Limit | None, now: datetime) -> Verdict:
    """Return what to send of the pages that wait. ``ranks`` are their severities, the most severe first."""
    if not ranks:
        return Verdict((), None, "nothing_waits")
    everything = tuple(range(len(ranks)))
    if limit is None:
        return Verdict(tuple((position,) for position in everything), None, "unlimited")
    if len(ranks) <= SINGLES and _all_fit(ranks, went, limit, now):
        return Verdict(tuple((position,) for position in everything), None, "one_by_one")
    at = next_slot(ranks[0], went, limit, now)
    if at > now:
        return Verdict((), at, "no_slot")
    return Verdict((everything,), None, "bundled")


def next_slot(rank: int, went: Sequence[Went], limit: Limit, now: datetime) -> datetime:
    """Return the first moment, not before ``now``, at which a message of this rank may go."""
    # A message from the future was sent before the clock was set back: it counts for nothing rather than for hours.
    held = sorted((one for one in went if now - limit.per < one.at <= now), key=lambda one: one.at)
    # As time passes only the oldest leave, so these are all the moments at which anything changes.
    moments = (now, *(one.at + limit.per for one in held))
    return min(_allowed_from(rank, held, limit, moment) for moment in moments)


def gap(slot: int, limit: Limit) -> timedelta:
    """Return the distance that the message in ``slot`` (from 0) keeps from the one before it."""
    free = max(1, (limit.messages + 1) // 3)
    spaced = limit.messages - free
    if slot < free:
        return _AT_ONCE
    steps = (spaced + 1) * (spaced + 2) // 2
    return limit.per * (slot - free + 1) / steps


def share(rank: int, limit: Limit) -> int:
    """Return how many slots messages of at most this rank may fill together."""
    if rank >= CRITICAL:
        return limit.messages
    part = 2 if rank == HIGH else 4
    return -(-limit.messages // part)


def _allowed_from(rank: int, went: Sequence[Went], limit: Limit, moment: datetime) -> datetime:
    """Return when a message may go if it must go while exactly what is left at ``moment`` is in the span."""
    left = [one for one in went if one.at + limit.per > moment]
    shares = [worst for worst in (MEDIUM, HIGH, CRITICAL) if worst >= rank]
    if any(sum(1 for one in left if one.rank <= worst) >= share(worst, limit) for worst in shares):
        return datetime.max.replace(tzinfo=moment.tzinfo)
    peers = [one.at for one in left if one.rank >= rank]
    return max(moment, max(peers) + gap(len(left), limit)) if peers else moment


def _all_fit(ranks: Sequence[int], went: Sequence[Went], limit: Limit, now: datetime) -> bool:
    taken = list(went)
    for rank in ranks:
        if next_slot(rank, taken, limit, now) > now:
            return False
        taken.append(Went(now, rank))
    return True
