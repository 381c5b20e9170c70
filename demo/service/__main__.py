"""`python -m demo.service`: the small WedSync under gunicorn, one worker process with threads."""

from __future__ import annotations

import os
import sys

from demo.service.platform import Platform
from demo.service.settings import DemoSettings
from wedsync_core.clock import SystemClock
from wedsync_core.telemetry.logs import configure_logs
from wedsync_core.web.server import Server

THREADS = 64
"""More than the traffic driver's 40 connections: requests that the fault `slow` holds must leave room for the others,
and each payment needs a second thread for the provider's side."""


def main() -> int:
    """Serve until told to stop; returns the exit status."""
    try:
        settings = DemoSettings.from_environment(os.environ)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2

    def build() -> Platform:
        configure_logs("demo")
        return Platform(settings, SystemClock())

    Server(build, settings.host, settings.port, THREADS).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
