"""The ways out. A channel sends one page once; whether to try again is decided by the pipeline."""

from webhook_receiver.notify.channels.channel import Channel, ChannelError, Envelope
from webhook_receiver.notify.channels.factory import build_channels

__all__ = ["Channel", "ChannelError", "Envelope", "build_channels"]
