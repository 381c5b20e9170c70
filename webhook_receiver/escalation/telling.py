"""Pages about an incident, written to the outbox: of a step, of a rise, of news to those who have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_receiver.incidents import store
from webhook_receiver.notify import outbox
from webhook_receiver.notify.message import Told, compose
from webhook_receiver.notify.rules import plan
from webhook_receiver.oncall.roster import Found, Roster
from wedsync_core.storage import Transaction


@dataclass(frozen=True)
class News:
    """Why people are told. ``key`` makes a page of an incident one: the same key is queued once for each way."""

    key: str
    purpose: str = "page"
    """``page``; ``raised``: it became graver; ``update``: something joined what they have acknowledged."""
    title: str | None = None
    repeated: bool = False


class Telling:
    """Composes and queues pages."""

    def __init__(self, roster: Roster, base_url: str, look_up: Callable[[Transaction, datetime], None]) -> None:
        self._roster = roster
        self.look_up = look_up
        """Reads who stands in for whom at a moment, in the caller's transaction: ``whom`` then needs no other."""
        self._base_url = base_url

    @property
    def emergency_role(self) -> str:
        """Who is told when nobody else is found."""
        return self._roster.emergency_role

    def whom(self, roles: Iterable[str], now: datetime) -> Found:
        """Return whom roles stand for at a moment; nobody where they are empty."""
        found = self._roster.find(roles, now)
        return Found((), found.empty_roles, found.fallback) if found.fallback else found

    def tell(self, transaction: Transaction, row: Any, people: Iterable[str], news: News, now: datetime) -> int:
        """Queue a page about an incident (its row) for each of ``people``; returns how many messages that is."""
        told = Told(
            incident_id=row.id,
            title=news.title or row.title,
            description=row.description,
            severity=row.severity,
            wedding_impact=row.wedding_impact,
            service=row.service,
            regions=tuple(row.regions),
            reasons=tuple(row.decision["reasons"]),
            runbook_url=row.context.get("runbook_url", ""),
            level=row.current_escalation_level,
            repeated=news.repeated,
            purpose=news.purpose,
            missed=row.missed,
        )
        page = compose(told, self._base_url)
        planned = [one for person in people for one in plan(person, self._roster.people[person], row.severity, now)]
        return outbox.queue(
            transaction,
            [(f"incident-{row.id}-{news.key}-{one.person}", one) for one in planned],
            incident_id=row.id,
            page=page,
            severity_rank=row.severity_rank,
            now=now,
            purpose=news.purpose,
        )

    def tell_again(self, transaction: Transaction, row: Any, now: datetime) -> int:
        """Tell those who were told of an incident how grave it has become; returns how many messages that is."""
        people = [person for person in outbox.people_told(transaction, row.id) if person in self._roster.people]
        news = News(f"cycle-{row.escalation_cycle}-raised-{row.severity}", "raised")
        return self.tell(transaction, row, people, news, now)

    def tell_holders(self, transaction: Transaction, row: Any, title: str, now: datetime) -> list[str]:
        """Tell those who acknowledged an incident what has joined it; returns who they are.

        Where the acknowledgement names no person we know, everybody told so far is: news is never folded in silence.
        """
        known = self._roster.people
        people = [person for person in store.acknowledged_people(transaction, row) if person in known]
        people = people or [person for person in outbox.people_told(transaction, row.id) if person in known]
        people = people or list(self.whom([self.emergency_role], now).people)
        self.tell(transaction, row, people, News(f"update-{row.alerts}", "update", title), now)
        return people

    def tell_told(self, transaction: Transaction, row: Any, incident_ids: Iterable[int], now: datetime) -> list[str]:
        """Tell those who were told of other incidents what is behind them; returns who they are."""
        told = (person for number in incident_ids for person in outbox.people_told(transaction, number))
        people = [person for person in dict.fromkeys(told) if person in self._roster.people]
        self.tell(transaction, row, people, News(f"cause-{row.alerts}", "update"), now)
        return people
