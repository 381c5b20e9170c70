"""One settings file, ``wedsync.yml``, validated whole; every refusal names the key."""

from wedsync_core.settings.loading import ConfigurationInvalid, load_settings, settings_from_text
from wedsync_core.settings.model import (
    AccessSettings,
    CalendarSettings,
    ChannelSettings,
    ContactMethod,
    EscalationSettings,
    EscalationStep,
    Person,
    PolicySettings,
    RegionSettings,
    Settings,
)

__all__ = [
    "AccessSettings",
    "CalendarSettings",
    "ChannelSettings",
    "ConfigurationInvalid",
    "ContactMethod",
    "EscalationSettings",
    "EscalationStep",
    "Person",
    "PolicySettings",
    "RegionSettings",
    "Settings",
    "load_settings",
    "settings_from_text",
]
