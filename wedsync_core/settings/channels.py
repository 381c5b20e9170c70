"""The ways out, as written in the file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from wedsync_core.settings.duration import Duration
from wedsync_core.settings.section import Port, Section

LONGEST_TIMEOUT = timedelta(seconds=20)
"""Of one call of a provider. A page claimed for sending is given to another sender after thirty seconds."""


def _in_time(timeout: timedelta) -> timedelta:
    if not timedelta() < timeout <= LONGEST_TIMEOUT:
        raise ValueError("must be 1s to 20s: a page held for longer is given to another sender")
    return timeout


Timeout = Annotated[Duration, AfterValidator(_in_time)]


class ChannelLimit(Section):
    """How many messages one person gets by a channel in a span; what is over it is bundled, never dropped."""

    messages: Annotated[int, Field(ge=2, le=1000)] = 10
    per: Annotated[Duration, Field(gt=timedelta())] = timedelta(minutes=5)


class ConsoleChannel(Section):
    """Pages as lines: in the service's log, or appended to a file."""

    kind: Literal["console"]
    file: Path | None = None
    longest: ClassVar[int] = 16_000
    limit: ChannelLimit | None = None


class WebhookChannel(Section):
    """Pages as signed HTTP posts."""

    kind: Literal["webhook"]
    url: Annotated[str, Field(pattern=r"^https?://")]
    signing_key_file: Path
    timeout: Timeout = timedelta(seconds=5)
    longest: ClassVar[int] = 16_000
    limit: ChannelLimit | None = ChannelLimit()


class EmailChannel(Section):
    """Pages as mail through an SMTP server."""

    kind: Literal["email"]
    host: str
    port: Port = 587
    sender: str
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password_file: Path | None = None
    timeout: Timeout = timedelta(seconds=10)
    longest: ClassVar[int] = 16_000
    limit: ChannelLimit | None = ChannelLimit()


class AppriseChannel(Section):
    """Pages through one of Apprise's many services: telephone, SMS, Slack, Teams, Telegram, ..."""

    kind: Literal["apprise"]
    url_file: Path
    """A secret: the service's URL in Apprise's form, ``{address}`` standing for the person's address."""
    timeout: Timeout = timedelta(seconds=15)
    longest: Annotated[int, Field(ge=800, le=16_000)] = 1_500
    """Characters in one message. Services cut or refuse more: a text message 1,600, Discord 2,000, Telegram 4,096."""
    limit: ChannelLimit | None = ChannelLimit()


ChannelSettings = Annotated[
    ConsoleChannel | WebhookChannel | EmailChannel | AppriseChannel, Field(discriminator="kind")
]
