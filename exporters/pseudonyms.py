"""The key under which users become pseudonyms: made once, kept in a file that only this service reads."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

KEY_BYTES = 32


def open_pseudonym_key(path: Path) -> bytes:
    """Return the key in the file, making it when there is none; raises ValueError for a file too short to be one.

    With another key every user gets another pseudonym: processes that share a database must share this file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        if not path.exists():
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
            # A link fails when another process was first; then its key is the key.
            with suppress(FileExistsError):
                path.hardlink_to(fresh)
    finally:
        fresh.unlink(missing_ok=True)
    key = path.read_bytes()
    if len(key) < KEY_BYTES:
        raise ValueError(f"{path} holds {len(key)} bytes, which is no pseudonym key; it must hold at least {KEY_BYTES}")
    return key
