"""The tables of the telemetry database. Migrations in ``migrations/`` build exactly this; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
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

ERROR_GROUPS = Table(
    "error_groups",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("fingerprint", String(80), nullable=False),  # "v1:" and 32 hexadecimal digits
    Column("grouping", JSON, nullable=False),  # version, reason, basis: why these are one
    Column("title", Text, nullable=False),
    Column("culprit", Text, nullable=False),
    Column("error_type", String(200), nullable=False),
    Column("level", String(16), nullable=False),
    Column("service", String(100), nullable=False),
    Column("severity", String(16), nullable=False),  # the worst so far
    Column("severity_rank", Integer, nullable=False),
    Column("occurrences", BigInteger, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("first_release", String(200), nullable=False),
    Column("last_release", String(200), nullable=False),
    UniqueConstraint("fingerprint"),
    Index("ix_error_groups_last_seen_at_id", "last_seen_at", "id"),
)
"""Errors that are one error."""

ERROR_OCCURRENCES = Table(
    "error_occurrences",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("event_id", String(32), nullable=False),
    Column("group_id", ForeignKey("error_groups.id", ondelete="CASCADE"), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("error_type", String(200), nullable=False),
    Column("level", String(16), nullable=False),
    Column("service", String(100), nullable=False),
    Column("type", String(32), nullable=False),
    Column("region", String(63), nullable=False),
    Column("release", String(200), nullable=False),
    Column("route", String(500), nullable=False),
    Column("trace_id", String(64), nullable=False),
    Column("user", String(64)),  # a pseudonym
    Column("severity", String(16), nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("alert_triggered", Boolean, nullable=False),
    Column("decision", JSON, nullable=False),
    Column("report", JSON, nullable=False),
    UniqueConstraint("event_id"),
    Index("ix_error_occurrences_received_at_id", "received_at", "id"),
    Index("ix_error_occurrences_group_id_id", "group_id", "id"),
    Index("ix_error_occurrences_trace_id", "trace_id"),
)
"""Single errors, redacted, with the decision that judged them."""

ERROR_GROUP_USERS = Table(
    "error_group_users",
    METADATA,
    Column("group_id", ForeignKey("error_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("user", String(64), primary_key=True),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Index("ix_error_group_users_group_id_last_seen_at", "group_id", "last_seen_at"),
)
"""Who had an error, once each: counting people must not read every occurrence of a storm."""

ALARMS = Table(
    "alarms",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("group_key", String(80), nullable=False),
    Column("region", String(63), nullable=False),
    Column("state", String(16), nullable=False),  # active, quarantined, ended
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("severity_rank", Integer, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("last_error_at", UtcDateTime, nullable=False),
    Column("errors", BigInteger, nullable=False),
    Column("untaken_since", UtcDateTime),  # null once an Alertmanager has taken the present labels
    Column("round_at", UtcDateTime),  # the last post to every Alertmanager
    Column("outstanding", JSON, nullable=False),  # the Alertmanagers that have not taken that post
    Column("attempts", Integer, nullable=False),
    Column("next_at", UtcDateTime, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("fence", BigInteger, nullable=False),
    Column("last_problem", Text),
    UniqueConstraint("group_key", "region"),
    Index("ix_alarms_state_next_at", "state", "next_at"),
)
"""The direct alarms: one for each error group and region, kept alive while its errors keep coming."""
