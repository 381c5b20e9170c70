"""The only way to a database: open it, bring its schema up to date, read and write in transactions."""

from sqlalchemy.engine import Connection as Transaction

from wedsync_core.storage.database import (
    Busy,
    Database,
    UtcDateTime,
    sqlite_file,
    sqlite_url,
    trouble_is_unavailable,
)
from wedsync_core.storage.migrations import SchemaNewerThanCode, migrate
from wedsync_core.storage.upsert import upsert

__all__ = [
    "Busy",
    "Database",
    "SchemaNewerThanCode",
    "Transaction",
    "UtcDateTime",
    "migrate",
    "sqlite_file",
    "sqlite_url",
    "trouble_is_unavailable",
    "upsert",
]
