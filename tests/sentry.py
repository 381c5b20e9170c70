"""The exporters as Sentry's SDKs reach them: the errors room behind a real server, with a project and its DSN."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from tests.cast import SATURDAY
from tests.error_desk import ErrorDesk, open_error_desk
from wedsync_core.settings.errors import ErrorProject, ErrorQuotas, ErrorSettings

KEY = "9ec79c33ec9942ab8353589fcb2e04dc"
PROJECT = 42
PROJECTS = {"web": ErrorProject(id=PROJECT, public_keys=[KEY], service="booking", region="london")}


def settings(per_project: int = 10_000) -> ErrorSettings:
    return ErrorSettings(projects=PROJECTS, quotas=ErrorQuotas(per_project=per_project, reserved=0))


@contextmanager
def project_desk(
    tmp_path: Path, database_url: str, per_project: int = 10_000, alertmanagers: Sequence[str] = ()
) -> Iterator[ErrorDesk]:
    """A desk that knows the project; so many of its reports a minute are taken."""
    with open_error_desk(tmp_path, database_url, SATURDAY, alertmanagers, settings=settings(per_project)) as desk:
        yield desk


@contextmanager
def served(desk: ErrorDesk) -> Iterator[str]:
    """Serve a desk on loopback; gives its DSN."""
    server = make_server("127.0.0.1", 0, desk.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{KEY}@127.0.0.1:{server.server_port}/{PROJECT}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
