"""``python -m webhook_receiver``: serve the receiver."""

import sys

from wedsync_core.settings import Settings
from wedsync_core.web.command import serve
from wedsync_core.web.server import RunningService


def claim(settings: Settings) -> None:
    """Take the SQLite file before anything is forked: the worker inherits it. Raises AlreadyRunning."""
    from webhook_receiver.engine.instance import instance_lock

    lock = instance_lock(settings.incidents_database_url)
    if lock is not None:
        lock.take()


def build(settings: Settings) -> RunningService:
    """Wire the receiver, in the worker: the process that only watches the worker stays small."""
    from webhook_receiver.app import build_receiver

    return build_receiver(settings)


if __name__ == "__main__":
    sys.exit(serve("webhook_receiver", build, lambda settings: settings.receiver, claim))
