"""The first program of our containers."""

import subprocess
from pathlib import Path

import pytest

ENTRYPOINT = Path(__file__).resolve().parents[3] / "compose" / "entrypoint.sh"


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A folder with a `python` that tells how it was called."""
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@ password=${PGPASSWORD-none}"\n', encoding="utf-8")
    program.chmod(0o755)
    return program.parent


def start(python: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", ENTRYPOINT, *arguments],
        env={"PATH": f"{python}:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["exporters"], "-m exporters"),
        (["webhook_receiver"], "-m webhook_receiver"),
        (["demo"], "-m demo.service"),
        (["traffic", "--url", "http://demo:8083"], "-m demo.traffic --url http://demo:8083"),
    ],
)
def test_it_becomes_the_service_that_is_named(arguments: list[str], called: str, python: Path) -> None:
    assert start(python, *arguments).stdout == f"{called} password=none\n"


@pytest.mark.parametrize("arguments", [[], ["prometheus"], ["exporters; id"], ["../demo"]])
def test_any_other_name_is_refused(arguments: list[str], python: Path) -> None:
    done = start(python, *arguments)
    assert done.returncode == 64
    assert "there is no service" in done.stderr
    assert not done.stdout


def test_the_database_password_is_read_from_its_file(python: Path, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("pass word$(id)\n", encoding="utf-8")
    done = start(python, "exporters", WEDSYNC_DATABASE_PASSWORD_FILE=str(secret))
    assert done.stdout == "-m exporters password=pass word$(id)\n"


def test_a_password_file_that_is_not_there_stops_the_start(python: Path, tmp_path: Path) -> None:
    done = start(python, "exporters", WEDSYNC_DATABASE_PASSWORD_FILE=str(tmp_path / "gone"))
    assert done.returncode != 0
    assert not done.stdout
