"""What every channel promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from webhook_receiver.notify.message import Page

MOST_LINKS = 3
"""Links in a message about many incidents: to the gravest of them."""
_REPEAT = "(This may be a repeat: its first sender stopped before it knew.)"


class ChannelError(Exception):
    """A page did not go out, or nobody knows whether it did.

    ``permanent``: trying again cannot help. ``unknown``: the provider may have taken it. ``retry_after``: what the
    provider asked for.
    """

    def __init__(
        self, message: str, *, permanent: bool, unknown: bool = False, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.unknown = unknown
        self.retry_after = retry_after


@dataclass(frozen=True)
class Envelope:
    """One message on its way to one person.

    ``maybe_repeat``: an earlier sender died before it could say whether this very page had gone out. ``links``: where
    the person acknowledges each incident without logging in; secrets, so never stored and never logged.
    """

    idempotency_key: str
    person: str
    address: str | None
    page: Page
    sent_at: datetime
    maybe_repeat: bool
    links: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def acknowledge_url(self) -> str | None:
        """The link of the only incident this is about."""
        return None if self.page.incidents else self.links.get(self.page.incident_id)

    def text(self, longest: int | None = None) -> str:
        """Return the body with the links, for channels that carry text; the body gives way when it is too long."""
        url = self.acknowledge_url
        several = [one.incident_id for one in self.page.incidents if one.incident_id in self.links][:MOST_LINKS]
        lines = [f"Acknowledge: {url}"] if url else [f"Acknowledge #{one}: {self.links[one]}" for one in several]
        tail = "\n".join([*lines, *([_REPEAT] if self.maybe_repeat else [])])
        body = self.page.body
        if longest is not None and len(body) + len(tail) + 1 > longest:
            body = body[: max(longest - len(tail) - 2, 0)].rstrip() + "…"
        return f"{body}\n{tail}" if tail else body


class Channel(Protocol):
    """One provider. ``send`` returns when the provider has taken the page, and raises ChannelError otherwise."""

    def send(self, envelope: Envelope) -> None:
        """Hand one page over, within the channel's own timeout."""
