"""Pages as lines: in the log of the service, or appended to a file."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from webhook_receiver.notify.channels.channel import ChannelError, Envelope
from wedsync_core.clock import format_timestamp
from wedsync_core.telemetry.logs import get_log


class ConsoleChannel:
    """Writes a JSON line per page; the line is on disk when ``send`` returns."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._log = get_log("notify")

    def send(self, envelope: Envelope) -> None:
        """Write the page; raises ChannelError (temporary) when the file cannot be written."""
        record = {
            "sent_at": format_timestamp(envelope.sent_at),
            "idempotency_key": envelope.idempotency_key,
            "person": envelope.person,
            "maybe_repeat": envelope.maybe_repeat,
            **envelope.page.as_json(),
        }
        if self._file is None:
            self._log.warning("page", **record)
            return
        line = json.dumps(record, ensure_ascii=False) + "\n"
        try:
            with self._lock, self._file.open("a", encoding="utf-8") as stream:
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise ChannelError(f"the page file cannot be written: {error.strerror}", permanent=False) from error
