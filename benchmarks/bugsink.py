"""Bugsink as a peer: its own virtual environment under ``var/``, SQLite as it comes, all on loopback."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.stack.ground import ROOT
from demo.stack.loopback import ADDRESS, answering, free_port
from demo.stack.processes import Process

RELEASE = "bugsink==2.6.1"
WORKERS = 2
_MAKE_PROJECT = """
from projects.models import Project
from teams.models import Team
team = Team.objects.create(name="bench")
project = Project.objects.create(name="bench", team=team)
print("PROJECT", project.id, project.sentry_key.hex)
"""


def environment() -> Path:
    """Return the ``bin`` folder of Bugsink's virtual environment, made at the first call. Raises CalledProcessError."""
    folder = ROOT / "var" / "bugsink"
    done = folder / ".installed"
    if not done.exists():
        print(f"Installing {RELEASE} into {folder.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", RELEASE, "gunicorn"], check=True)
        done.touch()
    return folder / "bin"


@dataclass(frozen=True)
class Bugsink:
    """A running Bugsink."""

    url: str
    """Of the envelopes of its one project."""
    key: str
    folder: Path

    def digested(self) -> int:
        """Return how many events have been worked off: what it only accepted lies in a queue."""
        with closing(sqlite3.connect(f"file:{self.folder / 'db.sqlite3'}?mode=ro", uri=True, timeout=30)) as database:
            return int(database.execute("SELECT SUM(digested_event_count) FROM projects_project").fetchone()[0] or 0)


@contextmanager
def running(programs: Path, folder: Path) -> Iterator[Bugsink]:
    """Give Bugsink with its workers, on a new database. ``programs`` is what ``environment`` returns."""
    folder.mkdir(parents=True)
    port = free_port()
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "bugsink_conf", "PYTHONPATH": str(folder)}
    env["PATH"] = f"{programs}{os.pathsep}{env['PATH']}"

    def run(*argv: str, told: str | None = None) -> str:
        done = subprocess.run(argv, cwd=folder, env=env, input=told, check=True, capture_output=True, text=True)
        return done.stdout

    run(str(programs / "bugsink-create-conf"), "--template=singleserver", f"--host={ADDRESS}", f"--base-dir={folder}")
    conf = folder / "bugsink_conf.py"
    text = re.sub(r'"(MAX_EVENTS_PER_\w+)":[^,\n]*', r'"\1": 10_000_000', conf.read_text())
    limits = ("PROJECT_5_MINUTES", "PROJECT_1_HOUR", "PROJECT_1_MONTH", "5_MINUTES", "1_HOUR", "1_MONTH")
    text += "\n".join(
        ["", f"BUGSINK['BASE_URL'] = 'http://{ADDRESS}:{port}'", "BUGSINK['PHONEHOME'] = False"]
        + [f"BUGSINK['MAX_EVENTS_PER_{limit}'] = 10_000_000" for limit in limits]
    )
    conf.write_text(text + "\n")
    manage = str(programs / "bugsink-manage")
    run(manage, "migrate")
    run(manage, "migrate", "--database=snappea", "snappea")
    found = re.search(r"PROJECT (\S+) ([0-9a-f]{32})", run(manage, "shell", "-c", _MAKE_PROJECT))
    if found is None:
        raise RuntimeError("Bugsink's project could not be made")
    web = Process(
        name="Bugsink",
        argv=[
            programs / "gunicorn",
            *(f"--bind={ADDRESS}:{port}", f"--workers={WORKERS}", "--timeout=6", "bugsink.wsgi"),
        ],
        env=env,
        cwd=folder,
        ready=answering(port, "/health/ready"),
        log_path=folder / "web.log",
    )
    workers = Process(
        name="Bugsink's workers",
        argv=[programs / "bugsink-runsnappea"],
        env=env,
        cwd=folder,
        ready=lambda: True,
        log_path=folder / "snappea.log",
    )
    with web, workers:
        yield Bugsink(f"http://{ADDRESS}:{port}/api/{found[1]}/envelope/", found[2], folder)
