"""The newer of the two copies of the time-zone rules is used, and which one is known."""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest
import tzdata  # type: ignore[import-untyped]

from wedsync_core.weddings.zones import tzdata_version, use_newest_zones


@pytest.fixture(autouse=True)
def _path_is_put_back() -> Iterator[None]:
    before = zoneinfo.TZPATH
    yield
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache()


def system_folder(folder: Path, first_line: str | None) -> None:
    (folder / "UTC").write_bytes(b"TZif")
    if first_line is not None:
        (folder / "tzdata.zi").write_text(f"{first_line}\n# rules follow\n")
    zoneinfo.reset_tzpath([str(folder)])


def test_an_older_system_gives_way_to_the_package(tmp_path: Path) -> None:
    system_folder(tmp_path, "# version 2019c")
    assert tzdata_version() == "2019c"
    assert use_newest_zones() == tzdata.IANA_VERSION
    assert tzdata_version() == tzdata.IANA_VERSION
    assert zoneinfo.ZoneInfo("Europe/London").key == "Europe/London"


def test_a_newer_system_is_kept(tmp_path: Path) -> None:
    system_folder(tmp_path, "# version 2199a")
    assert use_newest_zones() == "2199a"
    assert str(tmp_path) in zoneinfo.TZPATH


@pytest.mark.parametrize("first_line", [None, ""])
def test_a_system_that_does_not_say_gives_way(tmp_path: Path, first_line: str | None) -> None:
    system_folder(tmp_path, first_line)
    assert tzdata_version() == "unknown"
    assert use_newest_zones() == tzdata.IANA_VERSION


def test_a_machine_without_a_zone_folder_uses_the_package(tmp_path: Path) -> None:
    zoneinfo.reset_tzpath([str(tmp_path)])
    assert tzdata_version() == tzdata.IANA_VERSION
    assert use_newest_zones() == tzdata.IANA_VERSION
