"""Bring a schema up to date with Alembic, from code, one process at a time."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import MetaData, text
from sqlalchemy.engine import Connection

from wedsync_core.storage.database import Database

_MIGRATION_LOCK = 259_000_001
"""Key of the PostgreSQL advisory lock under which a schema changes; any constant will do, if it is the only one."""


class SchemaNewerThanCode(RuntimeError):
    """The database was migrated by a newer version. Not retryable: run that version, or restore a backup."""


def migrate(database: Database, package: str) -> None:
    """Apply the migrations in ``<package>/migrations`` to ``database``; does nothing when it is up to date.

    Raises SchemaNewerThanCode, and Unavailable when the database cannot be used.
    """
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        if _is_up_to_date(connection, package):
            return
        config = _config(package)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def run_environment(metadata: MetaData) -> None:
    """Serve as the body of every ``migrations/env.py``: migrate over the connection that ``migrate`` opened."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(package) / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def _script(package: str) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(package))


def _is_up_to_date(connection: Connection, package: str) -> bool:
    """Return whether nothing is to be done; raises SchemaNewerThanCode."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return False
    script = _script(package)
    try:
        script.get_revision(current)
    except (CommandError, ResolutionError) as error:
        raise SchemaNewerThanCode(
            f"the database of {package} is at revision {current!r}, which this version does not know"
        ) from error
    return current == script.get_current_head()
