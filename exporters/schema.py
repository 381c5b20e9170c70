"""The tables of the telemetry database. Migrations in ``migrations/`` build exactly this; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
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
    Index("ix_error_occurrences_severity_received_at_id", "severity", "received_at", "id"),
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
    Column("over_at", UtcDateTime),  # since when it is known to be over: its end is told, and then it is ended
    UniqueConstraint("group_key", "region"),
    Index("ix_alarms_state_next_at", "state", "next_at"),
)
"""The direct alarms: one for each error group and region, kept alive while its errors keep coming."""

ERROR_GROUPING_KEYS = Table(
    "error_grouping_keys",
    METADATA,
    Column("key", String(80), primary_key=True),
    Column("group_id", ForeignKey("error_groups.id", ondelete="CASCADE"), nullable=False),
    Column("how", String(16), nullable=False),  # opened, version, likeness, wording
    Column("likeness", Float),
    Column("error_type", String(200), nullable=False),
    Column("frames", JSON, nullable=False),  # what is compared, nearest to the failure first
    Column("at", UtcDateTime, nullable=False),
    Index("ix_error_grouping_keys_group_id", "group_id"),
)
"""Which group an error of a key goes to, and what put the key there: a new version or a likeness adds a pointer."""

ERROR_GROUPING_FEATURES = Table(
    "error_grouping_features",
    METADATA,
    Column("feature", String(24), primary_key=True),
    Column("key", ForeignKey("error_grouping_keys.key", ondelete="CASCADE"), primary_key=True),
    Index("ix_error_grouping_features_key", "key"),
    sqlite_with_rowid=False,
)
"""The frames of each key, and the words that may vary in its wording: how keys that are alike are found."""

ERROR_FEATURE_COUNTS = Table(
    "error_feature_counts",
    METADATA,
    Column("feature", String(24), primary_key=True),  # empty: all keys
    Column("keys", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""In how many keys a feature is: what is in few is telling."""

ERROR_TALLIES = Table(
    "error_tallies",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("received_at", UtcDateTime, nullable=False),
    Column("entries", JSON, nullable=False),  # what one request added, summed up: exporters/errors/tally.py
)
"""What came in and is not counted yet, one row a request: counting by itself would make every request wait for one row.

Written in the transaction that stores the errors, so that the counts are exact however the process ends.
"""

ERROR_COUNTS = Table(
    "error_counts",
    METADATA,
    Column("dimension", String(16), primary_key=True),
    Column("resolution", Integer, primary_key=True),  # seconds: a minute, an hour, a day
    Column("start", BigInteger, primary_key=True, autoincrement=False),  # seconds since 1970
    Column("value", String(500), primary_key=True),
    Column("severity", String(16), primary_key=True),
    Column("errors", BigInteger, nullable=False),
    Column("first_seen", BigInteger, nullable=False),  # microseconds since 1970
    Column("last_seen", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How many errors there were by what they have in common, in each minute, hour and day of their arrival."""

ERROR_TRAITS = Table(
    "error_traits",
    METADATA,
    Column("resolution", Integer, primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("group_id", BigInteger, primary_key=True, autoincrement=False),
    Column("trait", String(16), primary_key=True),
    Column("value", String(500), primary_key=True),
    Column("errors", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How many errors of a group had a route, release, browser, region or third party, by hour and day."""

ERROR_USERS = Table(
    "error_users",
    METADATA,
    Column("dimension", String(16), primary_key=True),
    Column("value", String(500), primary_key=True),
    Column("user", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Index("ix_error_users_seen", "dimension", "value", "last_seen", "role"),
    sqlite_with_rowid=False,
)
"""When each user last had an error of a kind: whoever was seen since a moment was hit within that time, exactly."""

ERROR_RELEASES = Table(
    "error_releases",
    METADATA,
    Column("service", String(100), primary_key=True),
    Column("release", String(200), primary_key=True),
    Column("first_seen_at", UtcDateTime, nullable=False),
)
"""The order in which releases were first heard of, for those whose names tell none."""

ERROR_GROUP_LIVES = Table(
    "error_group_lives",
    METADATA,
    Column("group_id", ForeignKey("error_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    Column("resolution", String(16), nullable=False),  # now, in_release, next_release, recovered; empty: none
    Column("release", String(200), nullable=False),  # what the resolution is measured by
    Column("muted_until", UtcDateTime),
    Column("muted_errors", BigInteger),  # ends when the group has had this many
    Column("muted_users", BigInteger),  # ends when this many have been hit since
    Column("muted_rank", Integer, nullable=False),  # a graver error than this is heard
    Column("merged_into", ForeignKey("error_groups.id", ondelete="SET NULL")),
    Column("evidence", JSON),  # what the last look for a recovery found
    Index("ix_error_group_lives_merged_into", "merged_into"),
)
"""What has become of a group; one without a row is as it began."""

ERROR_GROUP_TURNS = Table(
    "error_group_turns",
    METADATA,
    Column("id", _KEY, primary_key=True),
    Column("group_id", ForeignKey("error_groups.id", ondelete="CASCADE"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("turn", String(16), nullable=False),
    Column("by", String(100), nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Index("ix_error_group_turns_group_id_id", "group_id", "id"),
)
"""Each turn in the life of a group: who, when, why."""

ERROR_UPLOADS = Table(
    "error_uploads",
    METADATA,
    Column("upload_id", String(200), primary_key=True),
    Column("wedding_id", String(200), nullable=False),
    Column("region", String(63), nullable=False),
    Column("service", String(100), nullable=False),
    Column("group_id", BigInteger),
    Column("event_id", String(32), nullable=False),
    Column("user", String(64)),
    Column("failures", Integer, nullable=False),
    Column("failed_at", UtcDateTime),  # the last time; null when only its recovery was told
    Column("recovered_at", UtcDateTime),
    Column("recovered_by", String(100), nullable=False),
    Column("note", Text, nullable=False),
    Index("ix_error_uploads_recovered_at_failed_at", "recovered_at", "failed_at"),
    Index("ix_error_uploads_wedding_id", "wedding_id"),
)
"""Uploads that failed and cannot be taken again, until they are known to be safe."""

ERROR_ANSWERS = Table(
    "error_answers",
    METADATA,
    Column("operation", String(100), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("answer", JSON, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_error_answers_at", "at"),
)
"""What was answered to a write that carried an Idempotency-Key."""
