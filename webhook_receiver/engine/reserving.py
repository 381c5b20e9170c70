"""A write that also calls somebody else, under an Idempotency-Key: reserved, done, then answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Response
from pydantic import BaseModel

from webhook_receiver.engine import answer_store
from webhook_receiver.engine.replay import Answer, digest_of, key_of_request, same_answer
from wedsync_core.clock import format_timestamp, parse_timestamp
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.responses import json_response

HELD = timedelta(seconds=60)
"""A reservation nobody is heard of for longer was left by a crash, and a repeat takes it over."""
_RESERVED = "reserved"


@dataclass(frozen=True)
class Reservation:
    """The turn of one request to do what its key stands for."""

    database: Database
    operation: str
    key: str
    digest: str
    plan: Any | None
    """What an earlier request wrote down before it called; perhaps some of it was done."""

    def write_plan(self, plan: Any, now: datetime) -> None:
        """Write down what is about to be asked for, so that a repeat after a crash can look for it."""
        self._put({_RESERVED: {"until": format_timestamp(now + HELD), "plan": plan}}, now)

    def keep(self, transaction: Transaction, answer: Answer, now: datetime) -> None:
        """Keep the answer, in the transaction that writes what was done."""
        answer_store.put_answer(transaction, self.operation, self.key, answer, now)

    def give_up(self, plan: Any | None, now: datetime) -> None:
        """Let a repeat try at once: with the plan where part of it was done, else as if nothing had been asked."""
        if plan is not None:
            self._put({_RESERVED: {"until": format_timestamp(now), "plan": plan}}, now)
            return
        with self.database.write() as transaction:
            answer_store.forget_answer(transaction, self.operation, self.key)

    def _put(self, value: Any, now: datetime) -> None:
        with self.database.write() as transaction:
            answer_store.put_answer(transaction, self.operation, self.key, value, now)


def reserve(database: Database, operation: str, body: BaseModel, now: datetime) -> Reservation | Response | None:
    """Return the turn to do it, the first answer where there is one, or None where the request carries no key.

    Raises Conflict when the key was used with another body, Invalid for a key that is none, and Unavailable while
    another request with this key is at it.
    """
    key = key_of_request()
    if key is None:
        return None
    digest = digest_of(body)
    with database.write() as transaction:
        answer_store.hold_key(transaction, operation, key)
        earlier = answer_store.recall_answer(transaction, operation, key)
        plan = None
        held: dict[str, Any] = {_RESERVED: {"until": format_timestamp(now + HELD), "plan": None}}
        if earlier is None:
            answer_store.keep_answer(transaction, operation, key, digest=digest, answer=held, now=now)
        else:
            found = same_answer(earlier, digest)
            if _RESERVED not in found:
                return json_response(found, 200, {"Idempotent-Replay": "true"})
            if parse_timestamp(found[_RESERVED]["until"]) > now:
                raise Unavailable("another request with this key is being answered")
            plan = held[_RESERVED]["plan"] = found[_RESERVED]["plan"]
            answer_store.put_answer(transaction, operation, key, held, now)
    return Reservation(database, operation, key, digest, plan)
