"""The last good wedding list on disk, so that a restart without the network knows the weddings still."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from wedsync_core.clock import format_timestamp, parse_timestamp
from wedsync_core.jsontext import parse_json
from wedsync_core.problems import Malformed
from wedsync_core.season import Region, Wedding
from wedsync_core.weddings.contract import UnreadableList, parse_weddings

FILE_NAME: Final = "weddings.json"


@dataclass(frozen=True)
class Kept:
    """A copy that was read back. Weddings of regions that are no longer configured are left out."""

    weddings: tuple[Wedding, ...]
    last_success_at: datetime


def write_kept(keep_dir: Path, weddings: tuple[Wedding, ...], last_success_at: datetime) -> None:
    """Replace the copy in one step: after a crash there is the old one or the new one. Raises OSError."""
    keep_dir.mkdir(parents=True, exist_ok=True)
    document = {"last_success_at": format_timestamp(last_success_at), "weddings": [_entry(each) for each in weddings]}
    handle, name = tempfile.mkstemp(prefix=f".{FILE_NAME}.", dir=keep_dir)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(keep_dir / FILE_NAME)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    _sync_folder(keep_dir)


def read_kept(keep_dir: Path, regions: Mapping[str, Region]) -> Kept | None:
    """Return the copy; None when there is none. Raises UnreadableList or OSError when it is there and no use."""
    try:
        body = (keep_dir / FILE_NAME).read_bytes()
    except FileNotFoundError:
        return None
    try:
        last_success_at = parse_timestamp(parse_json(body)["last_success_at"])
    except (Malformed, KeyError, TypeError, ValueError) as error:
        raise UnreadableList(f"the kept copy does not say when it was read: {error}") from error
    return Kept(parse_weddings(body, "json", regions).weddings, last_success_at)


def _entry(wedding: Wedding) -> dict[str, str | int | None]:
    return {
        "wedding_id": wedding.wedding_id,
        "region": wedding.region,
        "zone": wedding.zone,
        "starts_at": wedding.starts_at.isoformat(),
        "ends_at": wedding.ends_at.isoformat(),
        "guest_count": wedding.guest_count,
    }


def _sync_folder(folder: Path) -> None:
    # The rename itself is only on disk once the folder is.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
