"""The key under which users become pseudonyms."""

import threading
from pathlib import Path

import pytest

from exporters.pseudonyms import open_pseudonym_key


def test_it_is_made_once_for_this_service_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "pseudonym.key"
    key = open_pseudonym_key(path)
    assert len(key) == 32
    assert open_pseudonym_key(path) == key
    assert path.stat().st_mode & 0o077 == 0
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_start_together_share_it(tmp_path: Path) -> None:
    keys: list[bytes] = []
    starting = threading.Barrier(8)

    def start() -> None:
        starting.wait()
        keys.append(open_pseudonym_key(tmp_path / "key"))

    starters = [threading.Thread(target=start) for _ in range(8)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()
    assert (len(keys), len(set(keys))) == (8, 1)


def test_a_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="5 bytes"):
        open_pseudonym_key(path)
