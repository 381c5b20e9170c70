"""A write that carries an Idempotency-Key happens once: a repeat gets the first answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import Response, request
from pydantic import BaseModel

from webhook_receiver.engine import answer_store
from wedsync_core.problems import Conflict, FieldProblem, Invalid
from wedsync_core.storage import Database, Transaction
from wedsync_core.web.responses import json_response

HEADER = "Idempotency-Key"
LONGEST_KEY = 200

Answer = dict[str, Any]


def write_once(
    database: Database,
    operation: str,
    body: BaseModel,
    act: Callable[[Transaction], Answer],
    *,
    now: datetime,
    status: int = 200,
    location: Callable[[Answer], str] | None = None,
) -> Response:
    """Return the answer of ``act``, done in one transaction with the record of the key, or the earlier answer.

    ``operation`` names what is done to what: the same key may be used for something else. Raises Conflict when the
    key was used with another body, Invalid for a key that is none, and whatever ``act`` raises.
    """
    key = key_of_request()
    digest = digest_of(body)
    with database.write() as transaction:
        if key:
            # Two requests with one key at once: the second waits here and then finds the first one's answer.
            answer_store.hold_key(transaction, operation, key)
            earlier = answer_store.recall_answer(transaction, operation, key)
            if earlier is not None:
                return json_response(same_answer(earlier, digest), 200, {"Idempotent-Replay": "true"})
        answer = act(transaction)
        if key:
            answer_store.keep_answer(transaction, operation, key, digest=digest, answer=answer, now=now)
    return json_response(answer, status, {"Location": location(answer)} if location else {})


def digest_of(body: BaseModel) -> str:
    """Return what tells one body from another."""
    return hashlib.sha256(body.model_dump_json().encode()).hexdigest()


def key_of_request() -> str | None:
    """Return the key of the present request, if it has one; raises Invalid."""
    key = request.headers.get(HEADER)
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        detail = f"must be 1 to {LONGEST_KEY} printable ASCII characters"
        raise Invalid(f"{HEADER}: {detail}", FieldProblem(HEADER, detail))
    return key


def same_answer(earlier: tuple[str, Any], digest: str) -> Any:
    """Return an earlier answer (its digest first); raises Conflict when the body was another."""
    if earlier[0] != digest:
        raise Conflict(f"this {HEADER} was used before with another body")
    return json.loads(json.dumps(earlier[1]))
