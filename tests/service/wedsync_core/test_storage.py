"""One storage, two databases: the same promises on both."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from tests.cast import SATURDAY
from webhook_receiver.schema import METADATA
from wedsync_core.problems import Unavailable
from wedsync_core.storage import Database, SchemaNewerThanCode, UtcDateTime, migrate

META = MetaData()
NOTES = Table("notes", META, Column("id", Integer, primary_key=True), Column("at", UtcDateTime), Column("n", Integer))


@contextmanager
def opened(url: str) -> Iterator[Database]:
    database = Database(url)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with opened(database_url) as database:
        META.create_all(database.engine)
        yield database


def test_a_moment_comes_back_aware_and_equal_whatever_zone_it_was_written_in(database: Database) -> None:
    auckland = SATURDAY.astimezone(timezone(timedelta(hours=12)))
    with database.write() as transaction:
        transaction.execute(insert(NOTES).values(id=1, at=auckland))
    with database.read() as transaction:
        moment = transaction.execute(select(NOTES.c.at)).scalar_one()

    assert moment == SATURDAY
    assert moment.tzinfo is UTC


def test_a_naive_moment_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="stored moment has no time zone"), database.write() as transaction:
        transaction.execute(insert(NOTES).values(id=1, at=datetime(2026, 6, 13)))  # noqa: DTZ001 -- the point


def test_moments_compare_in_the_database(database: Database) -> None:
    with database.write() as transaction:
        for number in range(3):
            transaction.execute(insert(NOTES).values(id=number, at=SATURDAY + timedelta(minutes=number)))
    with database.read() as transaction:
        query = select(NOTES.c.id).where(NOTES.c.at > SATURDAY).order_by(NOTES.c.id)
        assert [row.id for row in transaction.execute(query)] == [1, 2]


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    def stops_halfway() -> None:
        with database.write() as transaction:
            transaction.execute(insert(NOTES).values(id=1, at=SATURDAY))
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        stops_halfway()
    with database.read() as transaction:
        assert transaction.execute(select(NOTES)).all() == []


def test_a_broken_constraint_is_no_outage(database: Database) -> None:
    with database.write() as transaction:
        transaction.execute(insert(NOTES).values(id=1, at=SATURDAY))
    with pytest.raises(IntegrityError), database.write() as transaction:
        transaction.execute(insert(NOTES).values(id=1, at=SATURDAY))


def test_many_writers_at_once_lose_no_update(database: Database) -> None:
    with database.write() as transaction:
        transaction.execute(insert(NOTES).values(id=1, at=SATURDAY, n=0))

    def add_ten() -> None:
        for _ in range(10):
            with database.write() as transaction:
                transaction.execute(update(NOTES).where(NOTES.c.id == 1).values(n=NOTES.c.n + 1))

    writers = [threading.Thread(target=add_ten) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with database.read() as transaction:
        assert transaction.execute(select(NOTES.c.n)).scalar_one() == 80


def test_a_commit_to_sqlite_is_on_disk_before_it_returns(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'durable.sqlite'}") as database, database.read() as transaction:
        assert transaction.execute(text("PRAGMA synchronous")).scalar_one() == 2, "FULL"
        assert transaction.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all/x.sqlite", "postgresql+psycopg://nobody@127.0.0.1:1/nothing"]
)
def test_no_database_is_unavailable_and_says_that_trying_again_can_help(url: str) -> None:
    with opened(url) as database, pytest.raises(Unavailable) as gone:
        database.check()
    assert gone.value.retryable is True


def test_migrations_build_exactly_the_schema_and_a_second_run_changes_nothing(database_url: str) -> None:
    with opened(database_url) as database:
        migrate(database, "webhook_receiver")
        migrate(database, "webhook_receiver")
        with database.read() as transaction:
            assert compare_metadata(MigrationContext.configure(transaction), METADATA) == []


def test_two_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            with opened(database_url) as database:
                migrate(database, "webhook_receiver")
        except BaseException as error:  # noqa: BLE001 -- whatever it is, the test shows it
            failures.append(error)

    starters = [threading.Thread(target=start) for _ in range(2)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert failures == []


def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    with opened(database_url) as database:
        migrate(database, "webhook_receiver")
        with database.write() as transaction:
            transaction.execute(text("UPDATE alembic_version SET version_num = '9999'"))

        with pytest.raises(SchemaNewerThanCode, match="revision '9999', which this version does not know"):
            migrate(database, "webhook_receiver")
