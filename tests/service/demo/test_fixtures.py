"""What tests/conftest.py promises."""

from pathlib import Path

import pytest
import sqlalchemy

from demo.stack import loopback
from demo.stack.postgres import PostgresCluster


def test_each_engine_starts_empty_and_takes_rows(database_url: str) -> None:
    engine = sqlalchemy.create_engine(database_url)
    with engine.begin() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == []
        connection.execute(sqlalchemy.text("CREATE TABLE wedding (couple TEXT)"))
        connection.execute(sqlalchemy.text("INSERT INTO wedding VALUES ('Priya & Tom')"))
    with engine.begin() as connection:
        assert connection.execute(sqlalchemy.text("SELECT couple FROM wedding")).scalar_one() == "Priya & Tom"
    engine.dispose()


DURABLE = {"fsync", "synchronous_commit", "full_page_writes"}


def settings_of(url: str) -> dict[str, str]:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        settings = {
            name: str(connection.execute(sqlalchemy.text(f"SHOW {name}")).scalar_one())
            for name in (*DURABLE, "timezone")
        }
        connection.execute(sqlalchemy.text("CREATE EXTENSION pg_stat_statements"))
        assert connection.execute(sqlalchemy.text("SELECT count(*) FROM pg_stat_statements")).scalar_one() > 0
    engine.dispose()
    return settings


@pytest.mark.real
def test_postgresql_keeps_its_promises_and_counts_its_statements(postgres_programs: Path, tmp_path: Path) -> None:
    with PostgresCluster(postgres_programs, loopback.free_port(), tmp_path / "postgresql.log") as cluster:
        assert settings_of(cluster.url()) == dict.fromkeys(DURABLE, "on") | {"timezone": "UTC"}


@pytest.mark.real
def test_the_cluster_of_the_tests_waits_for_no_disk(postgres_database: str) -> None:
    assert settings_of(postgres_database) == dict.fromkeys(DURABLE, "off") | {"timezone": "UTC"}


@pytest.mark.real
def test_a_copy_has_the_tables_and_rows_of_its_template(postgres_cluster: PostgresCluster) -> None:
    with postgres_cluster.database() as template:
        engine = sqlalchemy.create_engine(template)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE wedding AS SELECT 'Priya & Tom' AS couple"))
        engine.dispose()
        with postgres_cluster.database(template) as url:
            copy = sqlalchemy.create_engine(url)
            with copy.begin() as connection:
                assert connection.execute(sqlalchemy.text("SELECT couple FROM wedding")).scalar_one() == "Priya & Tom"
            copy.dispose()


@pytest.mark.real
def test_a_dropped_database_does_not_wait_for_a_forgotten_connection(postgres_cluster: PostgresCluster) -> None:
    with postgres_cluster.database() as url:
        engine = sqlalchemy.create_engine(url)
        forgotten = engine.connect()
        forgotten.execute(sqlalchemy.text("SELECT 1"))
    with pytest.raises(sqlalchemy.exc.OperationalError):
        forgotten.execute(sqlalchemy.text("SELECT 1"))
    forgotten.invalidate()
    forgotten.close()
    engine.dispose()


@pytest.mark.real
@pytest.mark.parametrize("name", ["prometheus_binary", "promtool", "alertmanager_binary", "amtool"])
def test_the_real_programs_are_there(name: str, request: pytest.FixtureRequest) -> None:
    program: Path = request.getfixturevalue(name)
    assert program.is_file()


def test_a_free_port_is_free_and_given_once(free_port: int) -> None:
    assert not loopback.is_taken(free_port)
    assert loopback.free_port() != free_port
