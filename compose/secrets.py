"""The secrets of the composed stack, as files: `python3 -m compose.secrets`. What is there already is kept.

Containers run as users of their own, and Compose mounts a file as it is. So everybody may read the files, and it is the
folder around them that lets nobody in but its owner; what is mounted from it is reached by the container alone.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from demo.stack.secrets import SecretUnusable, live_values, make_secrets

DATABASE_PASSWORDS: Final = ("postgres_password", "telemetry_database_password", "incidents_database_password")
FOLDER: Final = Path(__file__).resolve().parents[1] / "secrets"
_BYTES: Final = 32
_READABLE: Final = 0o644


def make_compose_secrets(folder: Path) -> Mapping[str, Path]:
    """Return name to file for every secret of docker-compose.yml, making those that are missing.

    Raises SecretUnusable for a file that does not hold one value, or two where a value is being changed.
    """
    files = dict(make_secrets(folder))
    for name in DATABASE_PASSWORDS:
        files[name] = folder / name
        if not files[name].exists():
            _write(files[name], secrets.token_urlsafe(_BYTES))
        if len(live_values(files[name])) != 1:
            raise SecretUnusable(f"{files[name]} must hold one password: a database role has no second")
    for path in files.values():
        path.chmod(_READABLE)
    return files


def _write(path: Path, value: str) -> None:
    # Never half written under its name: PostgreSQL takes its passwords once.
    unfinished = path.with_suffix(".partial")
    unfinished.unlink(missing_ok=True)
    # Without a line end: the PostgreSQL image takes the file as it is.
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(value)
    unfinished.replace(path)


if __name__ == "__main__":
    if len(sys.argv) != 1:
        sys.exit("usage: python3 -m compose.secrets")
    try:
        for made in make_compose_secrets(FOLDER).values():
            print(made)  # noqa: T201 - a command's answer
    except SecretUnusable as error:
        sys.exit(str(error))
