"""The secrets of the composed stack."""

import stat
from pathlib import Path

import pytest

from compose.secrets import DATABASE_PASSWORDS, make_compose_secrets
from demo.stack.secrets import NAMES, SecretUnusable


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    files = make_compose_secrets(folder)
    assert set(files) == {*NAMES, *DATABASE_PASSWORDS}
    first = {name: path.read_text(encoding="utf-8") for name, path in files.items()}
    assert len(set(first.values())) == len(first)
    assert all(len(value.strip()) >= 40 for value in first.values())
    assert {name: path.read_text(encoding="utf-8") for name, path in make_compose_secrets(folder).items()} == first


def test_containers_can_read_the_files_and_nobody_else_can_reach_them(tmp_path: Path) -> None:
    files = make_compose_secrets(tmp_path / "secrets")
    assert {mode(path) for path in files.values()} == {0o644}
    assert mode(tmp_path / "secrets") == 0o700
    assert {path.name for path in (tmp_path / "secrets").iterdir()} == set(files)


def test_a_database_password_is_one_value_without_a_line_end(tmp_path: Path) -> None:
    files = make_compose_secrets(tmp_path)
    for name in DATABASE_PASSWORDS:
        assert files[name].read_text(encoding="utf-8").split("\n") == [files[name].read_text(encoding="utf-8")]
    files["postgres_password"].write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(SecretUnusable, match="one password"):
        make_compose_secrets(tmp_path)
