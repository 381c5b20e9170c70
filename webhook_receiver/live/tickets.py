"""One-use tickets: a browser cannot send a token with a WebSocket's request, and a token in a URL ends in a log."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from webhook_receiver.live import store
from wedsync_core.clock import Clock
from wedsync_core.problems import Unauthenticated
from wedsync_core.storage import Database
from wedsync_core.web.auth import Principal, Role

VALID_FOR = timedelta(seconds=30)


@dataclass(frozen=True)
class Ticket:
    """What a client sends back once, within its time."""

    text: str
    expires_at: datetime


class Tickets:
    """Gives tickets out and takes them back, on whichever replica."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def give(self, principal: Principal) -> Ticket:
        """Return a new ticket for the roles of its bearer; raises Unavailable."""
        ticket, now = secrets.token_urlsafe(32), self._clock.now()
        expires_at = now + VALID_FOR
        with self._database.write() as transaction:
            store.forget_tickets(transaction, now)
            store.add_ticket(transaction, _digest(ticket), principal.role.value, expires_at)
        return Ticket(ticket, expires_at)

    def take(self, ticket: str) -> Principal:
        """Return who was given a ticket, and use it up; raises Unauthenticated and Unavailable."""
        with self._database.write() as transaction:
            role = store.use_ticket(transaction, _digest(ticket), self._clock.now())
        if role is None:
            raise Unauthenticated("this ticket is not known, was used, or is too old: ask for another")
        return Principal(Role(role))


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode("utf-8", "surrogateescape")).hexdigest()
