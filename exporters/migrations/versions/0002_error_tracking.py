"""Counts of errors, the life of groups, and the uploads that were lost."""

import sqlalchemy as sa
from alembic import op

from wedsync_core.storage import UtcDateTime

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up to this revision."""
    _add_lives()
    _add_grouping()


def downgrade() -> None:
    """Take the schema back."""
    _drop_grouping()
    _drop_lives()


def _add_lives() -> None:
    op.create_table(
        "error_answers",
        sa.Column("operation", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("operation", "key", name=op.f("pk_error_answers")),
    )
    op.create_index("ix_error_answers_at", "error_answers", ["at"], unique=False)
    op.create_table(
        "error_counts",
        sa.Column("dimension", sa.String(length=16), nullable=False),
        sa.Column("resolution", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.String(length=500), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("dimension", "resolution", "start", "value", "severity", name=op.f("pk_error_counts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "error_releases",
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("release", sa.String(length=200), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("service", "release", name=op.f("pk_error_releases")),
    )
    op.create_table(
        "error_tallies",
        sa.Column("id", KEY, nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("entries", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_error_tallies")),
    )
    op.create_table(
        "error_traits",
        sa.Column("resolution", sa.Integer(), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trait", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=500), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("resolution", "start", "group_id", "trait", "value", name=op.f("pk_error_traits")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "error_uploads",
        sa.Column("upload_id", sa.String(length=200), nullable=False),
        sa.Column("wedding_id", sa.String(length=200), nullable=False),
        sa.Column("region", sa.String(length=63), nullable=False),
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("event_id", sa.String(length=32), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", UtcDateTime(), nullable=True),
        sa.Column("recovered_at", UtcDateTime(), nullable=True),
        sa.Column("recovered_by", sa.String(length=100), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("upload_id", name=op.f("pk_error_uploads")),
    )
    op.create_index(
        "ix_error_uploads_recovered_at_failed_at", "error_uploads", ["recovered_at", "failed_at"], unique=False
    )
    op.create_index("ix_error_uploads_wedding_id", "error_uploads", ["wedding_id"], unique=False)
    op.create_table(
        "error_users",
        sa.Column("dimension", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=500), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("dimension", "value", "user", name=op.f("pk_error_users")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_error_users_seen", "error_users", ["dimension", "value", "last_seen", "role"], unique=False)
    op.create_table(
        "error_group_lives",
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("resolution", sa.String(length=16), nullable=False),
        sa.Column("release", sa.String(length=200), nullable=False),
        sa.Column("muted_until", UtcDateTime(), nullable=True),
        sa.Column("muted_errors", sa.BigInteger(), nullable=True),
        sa.Column("muted_users", sa.BigInteger(), nullable=True),
        sa.Column("muted_rank", sa.Integer(), nullable=False),
        sa.Column("merged_into", KEY, nullable=True),
        sa.Column("evidence", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"], ["error_groups.id"], name=op.f("fk_error_group_lives_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["merged_into"], ["error_groups.id"], name=op.f("fk_error_group_lives_merged_into"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_error_group_lives")),
    )
    op.create_index("ix_error_group_lives_merged_into", "error_group_lives", ["merged_into"], unique=False)
    op.create_table(
        "error_group_turns",
        sa.Column("id", KEY, nullable=False),
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("turn", sa.String(length=16), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["error_groups.id"], name=op.f("fk_error_group_turns_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_error_group_turns")),
    )
    op.create_index("ix_error_group_turns_group_id_id", "error_group_turns", ["group_id", "id"], unique=False)
    op.add_column("alarms", sa.Column("over_at", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_error_occurrences_severity_received_at_id",
        "error_occurrences",
        ["severity", "received_at", "id"],
        unique=False,
    )


def _drop_lives() -> None:

    op.drop_index("ix_error_occurrences_severity_received_at_id", table_name="error_occurrences")
    op.drop_column("alarms", "over_at")
    op.drop_index("ix_error_group_turns_group_id_id", table_name="error_group_turns")
    op.drop_table("error_group_turns")
    op.drop_index("ix_error_group_lives_merged_into", table_name="error_group_lives")
    op.drop_table("error_group_lives")
    op.drop_index("ix_error_users_seen", table_name="error_users")
    op.drop_table("error_users")
    op.drop_index("ix_error_uploads_wedding_id", table_name="error_uploads")
    op.drop_index("ix_error_uploads_recovered_at_failed_at", table_name="error_uploads")
    op.drop_table("error_uploads")
    op.drop_table("error_traits")
    op.drop_table("error_tallies")
    op.drop_table("error_releases")
    op.drop_table("error_counts")
    op.drop_index("ix_error_answers_at", table_name="error_answers")
    op.drop_table("error_answers")


def _add_grouping() -> None:
    op.create_table(
        "error_grouping_keys",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("likeness", sa.Float(), nullable=True),
        sa.Column("error_type", sa.String(length=200), nullable=False),
        sa.Column("frames", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["error_groups.id"], name=op.f("fk_error_grouping_keys_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_error_grouping_keys")),
    )
    op.create_index("ix_error_grouping_keys_group_id", "error_grouping_keys", ["group_id"], unique=False)
    op.create_table(
        "error_grouping_features",
        sa.Column("feature", sa.String(length=24), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["key"], ["error_grouping_keys.key"], name=op.f("fk_error_grouping_features_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("feature", "key", name=op.f("pk_error_grouping_features")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_error_grouping_features_key", "error_grouping_features", ["key"], unique=False)
    op.create_table(
        "error_feature_counts",
        sa.Column("feature", sa.String(length=24), nullable=False),
        sa.Column("keys", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("feature", name=op.f("pk_error_feature_counts")),
        sqlite_with_rowid=False,
    )


def _drop_grouping() -> None:
    op.drop_table("error_feature_counts")
    op.drop_index("ix_error_grouping_features_key", table_name="error_grouping_features")
    op.drop_table("error_grouping_features")
    op.drop_index("ix_error_grouping_keys_group_id", table_name="error_grouping_keys")
    op.drop_table("error_grouping_keys")
