"""The copy on disk: what was written is read back, what was half written never is."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cast import SATURDAY
from wedsync_core.season import Region, Wedding, regions_by_name
from wedsync_core.weddings.contract import UnreadableList
from wedsync_core.weddings.kept import FILE_NAME, read_kept, write_kept

REGIONS = regions_by_name([Region("united_kingdom", "Europe/London"), Region("australia", "Australia/Sydney", "south")])
WEDDINGS = (
    Wedding("priya-tom", "Europe/London", SATURDAY, SATURDAY + timedelta(hours=10), "united_kingdom", 120),
    Wedding("perth 💍", "Australia/Perth", SATURDAY, SATURDAY + timedelta(microseconds=1), "australia"),
)


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    write_kept(tmp_path / "new" / "folder", WEDDINGS, SATURDAY)
    kept = read_kept(tmp_path / "new" / "folder", REGIONS)
    assert kept is not None
    assert (kept.weddings, kept.last_success_at) == (WEDDINGS, SATURDAY)
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == [FILE_NAME]


def test_nothing_kept_is_nothing(tmp_path: Path) -> None:
    assert read_kept(tmp_path, REGIONS) is None


def test_a_region_that_is_no_longer_configured_drops_its_weddings_only(tmp_path: Path) -> None:
    write_kept(tmp_path, WEDDINGS, SATURDAY)
    kept = read_kept(tmp_path, {"australia": REGIONS["australia"]})
    assert kept is not None
    assert kept.weddings == WEDDINGS[1:]


def test_a_crash_while_writing_leaves_the_old_copy_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_kept(tmp_path, WEDDINGS, SATURDAY)

    def full_disk(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_kept(tmp_path, (), SATURDAY + timedelta(days=1))
    kept = read_kept(tmp_path, REGIONS)
    assert kept is not None
    assert kept.weddings == WEDDINGS
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"last_success_at": 3}', '{"last_success_at": "yesterday", "weddings": []}',
     '{"last_success_at": "2026-06-13T14:00:00Z"}', '{"last_success_at": "2026-06-13T14:00:00Z", "weddings": 3}'],
)  # fmt: skip
def test_a_spoilt_copy_is_said_to_be_spoilt(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(UnreadableList):
        read_kept(tmp_path, REGIONS)


def test_a_copy_names_no_person(tmp_path: Path) -> None:
    write_kept(tmp_path, WEDDINGS, SATURDAY)
    document = json.loads((tmp_path / FILE_NAME).read_text())
    assert document["weddings"][0].keys() == {"wedding_id", "region", "zone", "starts_at", "ends_at", "guest_count"}
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0
