"""Errors, their groups and users, and the direct alarms."""

import sqlalchemy as sa
from alembic import op

from wedsync_core.storage import UtcDateTime

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up to this revision."""
    op.create_table(
        "alarms",
        sa.Column("id", KEY, nullable=False),
        sa.Column("group_key", sa.String(length=80), nullable=False),
        sa.Column("region", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("annotations", sa.JSON(), nullable=False),
        sa.Column("severity_rank", sa.Integer(), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("last_error_at", UtcDateTime(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("untaken_since", UtcDateTime(), nullable=True),
        sa.Column("round_at", UtcDateTime(), nullable=True),
        sa.Column("outstanding", sa.JSON(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("last_problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarms")),
        sa.UniqueConstraint("group_key", "region", name=op.f("uq_alarms_group_key_region")),
    )
    op.create_index("ix_alarms_state_next_at", "alarms", ["state", "next_at"], unique=False)
    op.create_table(
        "error_groups",
        sa.Column("id", KEY, nullable=False),
        sa.Column("fingerprint", sa.String(length=80), nullable=False),
        sa.Column("grouping", sa.JSON(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("culprit", sa.Text(), nullable=False),
        sa.Column("error_type", sa.String(length=200), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("severity_rank", sa.Integer(), nullable=False),
        sa.Column("occurrences", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("first_release", sa.String(length=200), nullable=False),
        sa.Column("last_release", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_error_groups")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_error_groups_fingerprint")),
    )
    op.create_index("ix_error_groups_last_seen_at_id", "error_groups", ["last_seen_at", "id"], unique=False)
    op.create_table(
        "error_group_users",
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["error_groups.id"], name=op.f("fk_error_group_users_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "user", name=op.f("pk_error_group_users")),
    )
    op.create_index(
        "ix_error_group_users_group_id_last_seen_at", "error_group_users", ["group_id", "last_seen_at"], unique=False
    )
    op.create_table(
        "error_occurrences",
        sa.Column("id", KEY, nullable=False),
        sa.Column("event_id", sa.String(length=32), nullable=False),
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("error_type", sa.String(length=200), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("service", sa.String(length=100), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("region", sa.String(length=63), nullable=False),
        sa.Column("release", sa.String(length=200), nullable=False),
        sa.Column("route", sa.String(length=500), nullable=False),
        sa.Column("trace_id", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=True),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("severity_rank", sa.Integer(), nullable=False),
        sa.Column("alert_triggered", sa.Boolean(), nullable=False),
        sa.Column("decision", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["error_groups.id"], name=op.f("fk_error_occurrences_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_error_occurrences")),
        sa.UniqueConstraint("event_id", name=op.f("uq_error_occurrences_event_id")),
    )
    op.create_index("ix_error_occurrences_group_id_id", "error_occurrences", ["group_id", "id"], unique=False)
    op.create_index("ix_error_occurrences_received_at_id", "error_occurrences", ["received_at", "id"], unique=False)
    op.create_index("ix_error_occurrences_trace_id", "error_occurrences", ["trace_id"], unique=False)


def downgrade() -> None:
    """Take the schema back."""
    op.drop_index("ix_error_occurrences_trace_id", table_name="error_occurrences")
    op.drop_index("ix_error_occurrences_received_at_id", table_name="error_occurrences")
    op.drop_index("ix_error_occurrences_group_id_id", table_name="error_occurrences")
    op.drop_table("error_occurrences")
    op.drop_index("ix_error_group_users_group_id_last_seen_at", table_name="error_group_users")
    op.drop_table("error_group_users")
    op.drop_index("ix_error_groups_last_seen_at_id", table_name="error_groups")
    op.drop_table("error_groups")
    op.drop_index("ix_alarms_state_next_at", table_name="alarms")
    op.drop_table("alarms")
