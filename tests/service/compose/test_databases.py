"""The script that makes the two databases, run on a real PostgreSQL."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from compose.secrets import make_compose_secrets
from demo.stack import loopback
from demo.stack.postgres import PostgresCluster

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).resolve().parents[3] / "compose" / "databases.sh"


@pytest.fixture(scope="module")
def made(postgres_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """How to connect to a cluster on which the script has run, all but the role and the database."""
    psql = shutil.which("psql", path=f"{postgres_programs}{os.pathsep}{os.environ.get('PATH', '')}")
    if psql is None:
        pytest.skip("no psql beside the server's programs or on PATH")
    folder = tmp_path_factory.mktemp("databases")
    make_compose_secrets(folder / "secrets")
    port = loopback.free_port()
    with PostgresCluster(postgres_programs, port, folder / "postgresql.log"):
        environment = {
            "PATH": f"{Path(psql).parent}:/usr/bin:/bin",
            "POSTGRES_USER": "wedsync",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "WEDSYNC_SECRETS_DIR": str(folder / "secrets"),
        }
        subprocess.run(["/bin/bash", SCRIPT], env=environment, check=True, timeout=60)
        yield f"host=127.0.0.1 port={port} connect_timeout=5"


@pytest.mark.parametrize("name", ["telemetry", "incidents"])
def test_each_role_owns_its_database(name: str, made: str) -> None:
    with psycopg.connect(f"{made} user={name} dbname={name}") as connection:
        connection.execute("CREATE TABLE proof (id int)")
        (encoding,) = connection.execute("SHOW server_encoding").fetchone() or ("",)
        assert encoding == "UTF8"


@pytest.mark.parametrize(
    ("role", "database"),
    [("telemetry", "incidents"), ("incidents", "telemetry"), ("telemetry", "postgres")],
)
def test_no_role_enters_another_database(role: str, database: str, made: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(f"{made} user={role} dbname={database}")


def test_the_roles_have_passwords_and_are_no_superusers(made: str) -> None:
    with psycopg.connect(f"{made} user=wedsync dbname=postgres") as connection:
        found = connection.execute(
            "SELECT rolname, rolpassword LIKE 'SCRAM-SHA-256%%', rolsuper OR rolcreatedb OR rolcreaterole"
            " FROM pg_authid WHERE rolname IN ('telemetry', 'incidents') ORDER BY rolname",
            (),
        ).fetchall()
    assert found == [("incidents", True, False), ("telemetry", True, False)]
