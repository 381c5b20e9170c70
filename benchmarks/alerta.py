"""Alerta as a peer: its own virtual environment under ``var/``, on a PostgreSQL of its own, all on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.webhook_load import Target
from demo.stack.ground import ROOT
from demo.stack.loopback import ADDRESS, answering, free_port
from demo.stack.postgres import PostgresCluster
from demo.stack.processes import Process

RELEASE = "alerta-server[postgres]==9.1.0"
WORKERS, THREADS = 2, 4
"""Two worker processes for two cores, as its own guide has it."""


def environment() -> Path:
    """Return the ``bin`` folder of Alerta's virtual environment, made at the first call. Raises CalledProcessError."""
    folder = ROOT / "var" / "alerta"
    done = folder / ".installed"
    if not done.exists():
        print(f"Installing {RELEASE} into {folder.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", RELEASE, "gunicorn"], check=True)
        done.touch()
    return folder / "bin"


class Alerta:
    """A running Alerta."""

    def __init__(self, database: str, port: int) -> None:
        self.target = Target("Alerta", f"http://{ADDRESS}:{port}/webhooks/prometheus")
        self._database = database

    def forget(self) -> None:
        """Empty its alerts, so that every case begins alike."""
        with psycopg.connect(self._database) as connection:
            connection.execute("TRUNCATE alerts")


@contextmanager
def running(programs: Path, cluster: PostgresCluster, folder: Path) -> Iterator[Alerta]:
    """Give Alerta under gunicorn on a new database of the cluster. ``programs`` is what ``environment`` returns."""
    port = free_port()
    with cluster.database() as url:
        database = url.replace("postgresql+psycopg://", "postgresql://")
        settings = folder / "alertad.conf"
        settings.write_text(f"DATABASE_URL={database!r}\nSECRET_KEY='x'\nAUTH_REQUIRED=False\nPLUGINS=[]\n")
        env = {**os.environ, "ALERTA_SVR_CONF_FILE": str(settings), "DATABASE_URL": database}
        # Two workers that race for the first schema both die of it.
        build = "from alerta import create_app; create_app()"
        subprocess.run([programs / "python", "-c", build], env=env, check=True, capture_output=True)
        process = Process(
            name="Alerta",
            argv=[
                programs / "gunicorn",
                *("-w", str(WORKERS), "--threads", str(THREADS), "--keep-alive", "30"),
                *("-b", f"{ADDRESS}:{port}", "alerta:create_app()"),
            ],
            env=env,
            cwd=folder,
            ready=answering(port, "/management/gtg"),
            log_path=folder / "alerta.log",
        )
        with process:
            yield Alerta(database, port)
