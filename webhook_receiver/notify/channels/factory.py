"""The channels that the settings name. A new kind: a module beside its siblings, a branch here, a settings section."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from webhook_receiver.notify.channels.channel import Channel
from webhook_receiver.notify.channels.console import ConsoleChannel
from webhook_receiver.notify.channels.email import EmailChannel
from webhook_receiver.notify.channels.webhook import WebhookChannel, key_reader
from wedsync_core import settings as written
from wedsync_core.settings import ChannelSettings


def build_channels(settings: Mapping[str, ChannelSettings], data_dir: Path) -> dict[str, Channel]:
    """Return a channel for each name; relative files live under ``data_dir``."""
    return {name: _channel(chosen, data_dir) for name, chosen in settings.items()}


def _channel(chosen: ChannelSettings, data_dir: Path) -> Channel:
    match chosen:
        case written.ConsoleChannel():
            return ConsoleChannel(data_dir / chosen.file if chosen.file else None)
        case written.WebhookChannel():
            return WebhookChannel(chosen.url, key_reader(chosen.signing_key_file), chosen.timeout)
        case written.EmailChannel():
            return EmailChannel(chosen)
        case written.AppriseChannel():
            raise NotImplementedError
