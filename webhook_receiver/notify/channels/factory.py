"""The channels that the settings name. A new kind: a module beside its siblings, a branch here, a settings section."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from webhook_receiver.notify.channels.apprise import AppriseChannel
from webhook_receiver.notify.channels.channel import Channel
from webhook_receiver.notify.channels.console import ConsoleChannel
from webhook_receiver.notify.channels.deadline import Bounded
from webhook_receiver.notify.channels.email import EmailChannel
from webhook_receiver.notify.channels.webhook import WebhookChannel, key_reader
from wedsync_core import settings as written
from wedsync_core.settings import ChannelSettings

GRACE = timedelta(seconds=3)
"""A channel's own timeout says more about what went wrong: it is given the time to come first."""


def build_channels(settings: Mapping[str, ChannelSettings], data_dir: Path) -> dict[str, Channel]:
    """Return a channel for each name; relative files live under ``data_dir``."""
    return {name: _channel(chosen, data_dir) for name, chosen in settings.items()}


def _channel(chosen: ChannelSettings, data_dir: Path) -> Channel:
    match chosen:
        case written.ConsoleChannel():
            return ConsoleChannel(data_dir / chosen.file if chosen.file else None)
        case written.WebhookChannel():
            webhook = WebhookChannel(chosen.url, key_reader(chosen.signing_key_file), chosen.timeout)
            return Bounded(webhook, chosen.timeout + GRACE)
        case written.EmailChannel():
            return Bounded(EmailChannel(chosen), chosen.timeout + GRACE)
        case written.AppriseChannel():
            return Bounded(AppriseChannel(chosen.url_file, chosen.longest), chosen.timeout)
