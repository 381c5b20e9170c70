"""Rows of what was answered to writes that carried an Idempotency-Key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection

from webhook_receiver.schema import ANSWERS


def hold_key(connection: Connection, operation: str, key: str) -> None:
    """Let nobody else answer the same write until the transaction ends. SQLite has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{operation} {key}", 0))))


def recall_answer(connection: Connection, operation: str, key: str) -> tuple[str, Any] | None:
    """Return the digest and the answer of an earlier write with this key."""
    query = select(ANSWERS.c.digest, ANSWERS.c.answer).where(ANSWERS.c.operation == operation, ANSWERS.c.key == key)
    row = connection.execute(query).one_or_none()
    return None if row is None else (row.digest, row.answer)


def keep_answer(connection: Connection, operation: str, key: str, *, digest: str, answer: Any, now: datetime) -> None:
    """Remember an answer; a second writer of the same key fails on the primary key and its work is undone."""
    connection.execute(
        insert(ANSWERS).values(operation=operation, key=key, digest=digest, answer=answer, created_at=now)
    )


def put_answer(connection: Connection, operation: str, key: str, answer: Any, now: datetime) -> None:
    """Write over what is kept for a key."""
    mine = (ANSWERS.c.operation == operation, ANSWERS.c.key == key)
    connection.execute(update(ANSWERS).where(*mine).values(answer=answer, created_at=now))


def forget_answer(connection: Connection, operation: str, key: str) -> None:
    """Make a key as good as unused."""
    connection.execute(delete(ANSWERS).where(ANSWERS.c.operation == operation, ANSWERS.c.key == key))
