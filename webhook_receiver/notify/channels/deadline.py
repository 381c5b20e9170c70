"""A call of a provider that ends in time, whatever the provider does."""

from __future__ import annotations

import threading
from datetime import timedelta

from webhook_receiver.notify.channels.channel import Channel, ChannelError, Envelope

MOST_HANGING = 8
"""Calls of one channel that may hang at once. Each holds a thread until its provider lets go of it."""


class Bounded:
    """Makes each call in a thread of its own and waits so long for it, and no longer.

    The timeouts of sockets are not enough: a provider that sends a byte every few seconds is never late.
    """

    def __init__(self, channel: Channel, timeout: timedelta) -> None:
        self._channel = channel
        self._seconds = timeout.total_seconds()
        self._free = threading.BoundedSemaphore(MOST_HANGING)

    def send(self, envelope: Envelope) -> None:
        """Hand the page over; raises ChannelError: what the channel raised, or that it did not answer in time."""
        if not self._free.acquire(blocking=False):
            raise ChannelError(f"{MOST_HANGING} calls of the provider hang already", permanent=False)
        call = _Call(self._channel, envelope)
        threading.Thread(target=self._run, args=(call,), name="provider-call", daemon=True).start()
        if not call.over.wait(self._seconds):
            # It goes on hanging in its thread; should it succeed after all, the next try is the same page's repeat.
            raise ChannelError(f"no answer within {self._seconds:g} s", permanent=False, unknown=True)
        if call.error is not None:
            raise call.error

    def _run(self, call: _Call) -> None:
        try:
            call.run()
        finally:
            self._free.release()


class _Call:
    """One call, and what came of it."""

    def __init__(self, channel: Channel, envelope: Envelope) -> None:
        self._channel = channel
        self._envelope = envelope
        self.over = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self._channel.send(self._envelope)
        except Exception as error:  # noqa: BLE001 -- handed to the caller's thread, which raises it
            self.error = error
        finally:
            self.over.set()
