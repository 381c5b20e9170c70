"""``python -m exporters``: serve the exporters."""

import sys

from wedsync_core.settings import Settings
from wedsync_core.web.command import serve
from wedsync_core.web.server import RunningService


def build(settings: Settings) -> RunningService:
    """Wire the exporters, in the worker: the process that only watches the worker stays small."""
    from exporters.app import build_exporters

    return build_exporters(settings)


if __name__ == "__main__":
    sys.exit(serve("exporters", build, lambda settings: settings.exporters))
