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


def serve(
    name: str,
    build: Callable[[Settings], RunningService],
    listen: Callable[[Settings], ListenSettings],
) -> int:
    """Serve until stopped. The file is ``WEDSYNC_CONFIG``, ``wedsync.yml`` by default. Returns the exit status."""
    # Before the settings: reading them loads the zones of the regions, and a loaded zone keeps its rules.
    use_newest_zones()
    try:
        settings = load_settings(Path(os.environ.get("WEDSYNC_CONFIG", "wedsync.yml")), os.environ)
    except ConfigurationInvalid as error:
        sys.stderr.write(f"{name} cannot start:\n{error}\n")
        return 2
    configure_logs(name, settings.log_level)
    # gunicorn reads options from the command line too: it must not see ours.
    sys.argv = sys.argv[:1]
    where = listen(settings)
    Server(lambda: build(settings), where.host, where.port, where.threads).run()
    return 0
