"""The stack's secrets as files, made once and kept: `python -m demo.stack.secrets FOLDER`.

A file holds one live value a line, two while it is being changed.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROLES: Final = ("ingest", "viewer", "responder", "admin", "alertmanager")
NAMES: Final = (*ROLES, "webhook_signing_key", "acknowledge_link_key", "grafana_admin_password")
_MOST_LIVE: Final = 2
_BYTES: Final = 32


class SecretUnusable(Exception):
    """A secret's file is not as it should be; the message says what to do."""


def make_secrets(folder: Path) -> Mapping[str, Path]:
    """Return name to file for every secret, making those that are missing. Files and folder are the owner's alone.

    Raises SecretUnusable for a file that holds no value, or more than two.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    files = {name: folder / name for name in NAMES}
    for path in files.values():
        if path.exists():
            path.chmod(0o600)
            live_values(path)
        else:
            _write(path, secrets.token_urlsafe(_BYTES))
    return files


def live_values(path: Path) -> list[str]:
    """Return the values of a secret's file, the newest first. Raises SecretUnusable unless there are one or two."""
    values = path.read_text(encoding="utf-8").split()
    if not 1 <= len(values) <= _MOST_LIVE:
        raise SecretUnusable(
            f"{path} must hold one or two values, one a line, and holds {len(values)}: delete or mend it"
        )
    return values


def _write(path: Path, value: str) -> None:
    # Never for a moment readable by others, never half written under its name.
    unfinished = path.with_suffix(".partial")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(value + "\n")
    unfinished.replace(path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m demo.stack.secrets FOLDER")
    for made in make_secrets(Path(sys.argv[1])).values():
        print(made)
