"""The telemetry database's migrations build what the code expects."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from exporters.schema import METADATA
from wedsync_core.storage import Database, migrate


@pytest.fixture
def tables_of() -> None:
    """Give nobody's: the database is empty."""


def test_migrations_build_exactly_the_schema(database_url: str) -> None:
    database = Database(database_url)
    try:
        migrate(database, "exporters")
        migrate(database, "exporters")
        with database.read() as transaction:
            assert compare_metadata(MigrationContext.configure(transaction), METADATA) == []
    finally:
        database.close()
