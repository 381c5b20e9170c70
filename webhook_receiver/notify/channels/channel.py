"""What every channel promises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from webhook_receiver.notify.message import Page


class ChannelError(Exception):
    """A page did not go out. ``permanent``: trying again cannot help."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True)
class Envelope:
    """One page on its way to one person.

    ``maybe_repeat``: an earlier sender died before it could say whether this very page had gone out.
    """

    idempotency_key: str
    person: str
    address: str | None
    page: Page
    sent_at: datetime
    maybe_repeat: bool


class Channel(Protocol):
    """One provider. ``send`` returns when the provider has taken the page, and raises ChannelError otherwise."""

    def send(self, envelope: Envelope) -> None:
        """Hand one page over, within the channel's own timeout."""
