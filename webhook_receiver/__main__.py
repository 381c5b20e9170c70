"""``python -m webhook_receiver``: serve the receiver."""

import sys

from webhook_receiver.app import NAME, build_receiver
from wedsync_core.web.command import serve

if __name__ == "__main__":
    sys.exit(serve(NAME, build_receiver, lambda settings: settings.receiver))
