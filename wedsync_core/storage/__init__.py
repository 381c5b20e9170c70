"""The only way to a database: open it, bring its schema up to date, read and write in transactions."""

from sqlalchemy.engine import Connection as Transaction

from wedsync_core.storage.database import Database, UtcDateTime, sqlite_file, sqlite_url
from wedsync_core.storage.migrations import SchemaNewerThanCode, migrate

__all__ = ["Database", "SchemaNewerThanCode", "Transaction", "UtcDateTime", "migrate", "sqlite_file", "sqlite_url"]
