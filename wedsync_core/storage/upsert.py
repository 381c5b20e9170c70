"""One way of writing a row that may be there already, on both databases."""

from __future__ import annotations

from typing import cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection


def upsert(connection: Connection, table: Table) -> postgresql.Insert:
    """Return an INSERT with ``on_conflict_do_nothing`` and ``on_conflict_do_update``, in the database's dialect."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    # SQLite's has the same two calls with the same arguments.
    return cast("postgresql.Insert", sqlite.insert(table))
