"""Databases that have a service's tables from the start: migrated once, then copied for every test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.stack.postgres import PostgresCluster
from wedsync_core.storage import Database, migrate


class Templates:
    """One migrated database of each kind and service, made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._postgresql: dict[tuple[PostgresCluster, str], str] = {}

    def sqlite(self, service: str | None, file: Path) -> str:
        """Return the URL of ``file``: it has the tables of ``service``, or does not exist yet."""
        if service is not None:
            template = self._folder / f"{service}.sqlite"
            if not template.exists():
                _migrate(f"sqlite:///{template}", service)
            shutil.copyfile(template, file)
        return f"sqlite:///{file}"

    @contextmanager
    def postgresql(self, service: str | None, cluster: PostgresCluster) -> Iterator[str]:
        """Give the URL of a database of ``cluster``: with the tables of ``service``, or empty."""
        with cluster.database(None if service is None else self._template(service, cluster)) as url:
            yield url

    def _template(self, service: str, cluster: PostgresCluster) -> str:
        if (cluster, service) not in self._postgresql:
            url = cluster.create_database()
            _migrate(url, service)
            self._postgresql[cluster, service] = url
        return self._postgresql[cluster, service]


def _migrate(url: str, service: str) -> None:
    database = Database(url)
    migrate(database, service)
    database.close()
