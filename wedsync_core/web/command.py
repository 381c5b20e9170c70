"""The command line both services share: read the settings, serve, and say plainly why not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from wedsync_core.settings import ConfigurationInvalid, Settings, load_settings
from wedsync_core.settings.model import ListenSettings
from wedsync_core.telemetry.logs import configure_logs
from wedsync_core.web.server import RunningService, Server
from wedsync_core.weddings.zones import use_newest_zones


class CannotStart(RuntimeError):
    """The settings are right, and yet there is a reason not to serve now; the message is for whoever started us."""


def serve(
    name: str,
    build: Callable[[Settings], RunningService],
    listen: Callable[[Settings], ListenSettings],
    claim: Callable[[Settings], None] = lambda _settings: None,
) -> int:
    """Serve until stopped. The file is ``WEDSYNC_CONFIG``, ``wedsync.yml`` by default. Returns the exit status.

    ``claim`` raises CannotStart when something else, an earlier process say, stands in the way.
    """
    # Before the settings: reading them loads the zones of the regions, and a loaded zone keeps its rules.
    use_newest_zones()
    try:
        settings = load_settings(Path(os.environ.get("WEDSYNC_CONFIG", "wedsync.yml")), os.environ)
    except ConfigurationInvalid as error:
        sys.stderr.write(f"{name} cannot start:\n{error}\n")
        return 2
    configure_logs(name, settings.log_level)
    try:
        claim(settings)
    except CannotStart as error:
        sys.stderr.write(f"{name} cannot start: {error}\n")
        return 2
    # gunicorn reads options from the command line too: it must not see ours.
    sys.argv = sys.argv[:1]
    where = listen(settings)
    Server(lambda: build(settings), where.host, where.port, where.threads).run()
    return 0
