"""Take what is due for the senders that are free: per person and channel, as messages, within the person's limit."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby

from webhook_receiver.notify import sending_store as store
from webhook_receiver.notify.bundle import fitting
from webhook_receiver.notify.message import Mentioned
from webhook_receiver.notify.sending_store import Message, Waiting
from webhook_receiver.notify.throttle import Limit, Went, decide, next_slot
from wedsync_core.settings import ChannelLimit, ChannelSettings
from wedsync_core.severity import Severity
from wedsync_core.storage import Transaction

LONGEST = 16_000
"""Characters in a message through a channel that the settings do not know any more."""
_SEVERITIES = {severity.rank: severity.value for severity in Severity}
_Lane = tuple[str, str]


class Claiming:
    """Decides what goes now. ``channels`` are the settings of each; ``replica`` is who sends it."""

    def __init__(self, channels: Mapping[str, ChannelSettings], replica: int) -> None:
        self._channels = channels
        self._replica = replica

    def claim(self, transaction: Transaction, now: datetime, rooms: Mapping[str, int]) -> list[Message]:
        """Claim messages for at most so many free senders of each channel, the most severe first.

        A channel that is not in ``rooms`` is of an earlier configuration: its pages are claimed one by one, to be
        given up.
        """
        free = dict(rooms)
        claimed: list[Message] = []
        for lane in store.due_lanes(transaction, now):
            room = free.setdefault(lane[1], 1)
            if room > 0:
                messages = self._claim_lane(transaction, lane, now, room)
                free[lane[1]] -= len(messages)
                claimed += messages
        return claimed

    def _claim_lane(self, transaction: Transaction, lane: _Lane, now: datetime, room: int) -> list[Message]:
        limit = _limit(self._channels.get(lane[1]))
        if limit is None:
            alone = store.waiting(transaction, lane, now, room)
            return [store.begin(transaction, lane, page.key, [page], now, self._replica) for page in alone]
        calls = store.recent_calls(transaction, lane, now - limit.per)
        over = {call.message_key: Went(call.finished_at or now, call.severity_rank) for call in calls}
        in_doubt = {call.message_key for call in calls if call.outcome == "unknown"} & {
            key for key, one in over.items() if one.at > now - limit.per
        }
        pages = store.waiting(transaction, lane, now, None)
        again = [page for page in pages if page.maybe_sent and page.bundle in in_doubt]
        new = [page for page in pages if not (page.maybe_sent and page.bundle in in_doubt)]
        # What may have arrived goes again as it was, under its key: it holds its slot already.
        groups = [(key, list(same)) for key, same in groupby(sorted(again, key=_bundle), key=_bundle)]
        groups = sorted(groups, key=lambda group: -group[1][0].rank)
        groups += self._new_messages(transaction, lane, new, (list(over.values()), limit, now, room - len(groups)))
        return [store.begin(transaction, lane, key, together, now, self._replica) for key, together in groups[:room]]

    def _new_messages(
        self,
        transaction: Transaction,
        lane: _Lane,
        pages: Sequence[Waiting],
        when: tuple[list[Went], Limit, datetime, int],
    ) -> list[tuple[str, list[Waiting]]]:
        went, limit, now, room = when
        if room <= 0:
            return []
        verdict = decide([page.rank for page in pages], went, limit, now)
        if verdict.next_at is not None:
            store.hold_back(transaction, pages, verdict.next_at)
        messages = [[pages[position] for position in positions] for positions in verdict.messages]
        if verdict.reason == "bundled":
            (together,) = messages
            named = fitting([_mentioned(page) for page in together], self._longest(lane[1]))
            left = together[named:]
            if left:
                went_now = [*went, Went(now, together[0].rank)]
                store.hold_back(transaction, left, next_slot(left[0].rank, went_now, limit, now))
            messages = [together[:named]]
        return [(_key(message), message) for message in messages]

    def _longest(self, channel: str) -> int:
        written = self._channels.get(channel)
        return LONGEST if written is None else written.longest


def _limit(written: ChannelSettings | None) -> Limit | None:
    limit: ChannelLimit | None = None if written is None else written.limit
    return None if limit is None else Limit(limit.messages, limit.per)


def _key(pages: Sequence[Waiting]) -> str:
    """Return the message's key: a lone page's own, that of a bundle that failed whole, or a new one."""
    if len(pages) == 1:
        return pages[0].key
    before = {page.bundle for page in pages}
    kept = before.pop() if len(before) == 1 else None
    return kept or f"bundle-{uuid.uuid4().hex}"


def _bundle(page: Waiting) -> str:
    return page.bundle or page.key


def _mentioned(page: Waiting) -> Mentioned:
    return Mentioned(str(page.incident_id), _SEVERITIES[page.rank], page.subject)
