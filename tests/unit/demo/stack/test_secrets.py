"""Secrets are made once, kept, and nobody else's."""

import stat
from pathlib import Path

import pytest

from demo.stack.secrets import NAMES, ROLES, SecretUnusable, live_values, make_secrets


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_role_gets_its_own_and_only_the_owner_may_read(tmp_path: Path) -> None:
    files = make_secrets(tmp_path / "var" / "secrets")
    assert set(files) == set(NAMES)
    assert set(files) >= {*ROLES, "webhook_signing_key", "acknowledge_link_key"}
    assert mode(tmp_path / "var" / "secrets") == 0o700
    assert {mode(path) for path in files.values()} == {0o600}
    values = [value for path in files.values() for value in live_values(path)]
    assert len(set(values)) == len(NAMES)
    assert min(len(value) for value in values) >= 43, "32 random bytes"
    assert {path.name for path in (tmp_path / "var" / "secrets").iterdir()} == set(NAMES)


def test_they_are_kept_between_starts_and_closed_again(tmp_path: Path) -> None:
    before = {name: path.read_text() for name, path in make_secrets(tmp_path).items()}
    (tmp_path / "viewer").chmod(0o644)
    (tmp_path / "admin").unlink()
    after = {name: path.read_text() for name, path in make_secrets(tmp_path).items()}
    assert {name for name in before if before[name] != after[name]} == {"admin"}
    assert mode(tmp_path / "viewer") == 0o600


def test_a_secret_being_changed_has_two_values(tmp_path: Path) -> None:
    viewer = make_secrets(tmp_path)["viewer"]
    viewer.write_text("new\nold\n")
    make_secrets(tmp_path)
    assert live_values(viewer) == ["new", "old"]


@pytest.mark.parametrize("content", ["", "\n", "one\ntwo\nthree\n"])
def test_none_and_three_are_refused_by_name(tmp_path: Path, content: str) -> None:
    make_secrets(tmp_path)["viewer"].write_text(content)
    with pytest.raises(SecretUnusable, match=r"viewer must hold one or two values"):
        make_secrets(tmp_path)
