"""The tables of the incident database. Migrations in ``migrations/`` build exactly this; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from wedsync_core.storage import UtcDateTime

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only numbers rows by itself when the key is its own INTEGER.
_KEY = BigInteger().with_variant(Integer, "sqlite")

INBOX = Table(
    "inbox",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("received_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),  # pending, done, quarantined
    Column("body", LargeBinary, nullable=False),
    Column("problem", Text),
    Index("ix_inbox_state_received_at", "state", "received_at"),
)
"""Every message from Alertmanager as it came, kept before anything looks at it."""

QUARANTINE = Table(
    "quarantined_alerts",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("inbox_id", ForeignKey("inbox.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    Column("quarantined_at", UtcDateTime, nullable=False),
    UniqueConstraint("inbox_id", "position"),
)
"""Single alerts that could not be understood; their message's other alerts were processed."""

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("status", String(16), nullable=False),  # open, investigating, in_progress, resolved
    Column("severity", String(16), nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("wedding_impact", String(16), nullable=False),
    Column("wedding_impact_rank", Integer, nullable=False),
    Column("service", String(200), nullable=False),
    Column("type", String(200), nullable=False),
    Column("affects", JSON, nullable=False),
    Column("regions", JSON, nullable=False),
    Column("auto_created", Boolean, nullable=False),
    Column("decision", JSON, nullable=False),
    Column("context", JSON, nullable=False),
    Column("escalation_policy", String(64), nullable=False),
    Column("policy", JSON, nullable=False),  # the policy as it was when the incident opened
    Column("current_escalation_level", Integer, nullable=False),
    Column("escalation_cycle", Integer, nullable=False),
    Column("next_escalation_at", UtcDateTime),
    Column("escalated_at", UtcDateTime),
    Column("escalated_by", String(200)),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_by", String(200)),
    Column("acknowledgement_expires_at", UtcDateTime),
    Column("assigned_to", String(64)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", String(200)),
    Index("ix_incidents_status", "status"),
    Index("ix_incidents_next_escalation_at", "next_escalation_at"),
    Index("ix_incidents_acknowledgement_expires_at", "acknowledgement_expires_at"),
)

EPISODES = Table(
    "alert_episodes",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # firing, resolved
    Column("incident_id", ForeignKey("incidents.id"), nullable=True),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime),
    Column("generator_url", Text, nullable=False),
    Column("group_key", Text, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("sightings", Integer, nullable=False),
    Index(
        "uq_alert_episodes_firing",
        "fingerprint",
        unique=True,
        sqlite_where=text("state = 'firing'"),
        postgresql_where=text("state = 'firing'"),
    ),
    Index("ix_alert_episodes_incident_id", "incident_id"),
)
"""One life of one alert: from firing to resolved. The database itself allows one open episode per fingerprint."""

EVENTS = Table(
    "incident_events",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_incident_events_incident_id_id", "incident_id", "id"),
)

NOTIFICATIONS = Table(
    "notifications",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("idempotency_key", String(200), nullable=False, unique=True),
    Column("incident_id", ForeignKey("incidents.id"), nullable=False),
    Column("person", String(64), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("address", Text),
    Column("message", JSON, nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # queued, sending, sent, failed, cancelled
    Column("attempts", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("last_error", Text),
    Index("ix_notifications_state_due_at", "state", "due_at"),
    Index("ix_notifications_incident_id", "incident_id"),
)
"""The outbox. A row leaves ``queued`` or ``sending`` only by a recorded outcome."""

ANSWERS = Table(
    "idempotent_answers",
    METADATA,
    Column("operation", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("answer", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_idempotent_answers_created_at", "created_at"),
)
"""What was answered to a write that carried an Idempotency-Key."""

SIGHTINGS = Table(
    "watchdog_sightings",
    METADATA,
    Column("source", String(200), primary_key=True),
    Column("seen_at", UtcDateTime, nullable=False),
)
"""When each always-firing alert was last seen."""
