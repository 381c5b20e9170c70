"""One settings file, ``wedsync.yml``, validated whole; every refusal names the key."""

from wedsync_core.settings.channels import (
    AppriseChannel,
    ChannelLimit,
    ChannelSettings,
    ConsoleChannel,
    EmailChannel,
    WebhookChannel,
)
from wedsync_core.settings.engine import (
    AcknowledgeLinks,
    EscalationSettings,
    EscalationStep,
    IncidentSettings,
    PolicySettings,
    ReconcileSettings,
    SuppressionRule,
    SuppressionSettings,
    WatchdogSettings,
)
from wedsync_core.settings.loading import ConfigurationInvalid, load_settings, settings_from_text
from wedsync_core.settings.model import AccessSettings, CalendarSettings, RegionSettings, Settings
from wedsync_core.settings.people import (
    ContactMethod,
    Layer,
    OnSchedule,
    Person,
    PersonalRules,
    PersonalStep,
    QuietHours,
    Restriction,
    RoleMembers,
    Rotation,
    Schedule,
)
from wedsync_core.settings.section import EVERYONE

__all__ = [
    "EVERYONE",
    "AccessSettings",
    "AcknowledgeLinks",
    "AppriseChannel",
    "CalendarSettings",
    "ChannelLimit",
    "ChannelSettings",
    "ConfigurationInvalid",
    "ConsoleChannel",
    "ContactMethod",
    "EmailChannel",
    "EscalationSettings",
    "EscalationStep",
    "IncidentSettings",
    "Layer",
    "OnSchedule",
    "Person",
    "PersonalRules",
    "PersonalStep",
    "PolicySettings",
    "QuietHours",
    "ReconcileSettings",
    "RegionSettings",
    "Restriction",
    "RoleMembers",
    "Rotation",
    "Schedule",
    "Settings",
    "SuppressionRule",
    "SuppressionSettings",
    "WatchdogSettings",
    "WebhookChannel",
    "load_settings",
    "settings_from_text",
]
