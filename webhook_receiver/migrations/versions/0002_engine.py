"""What the engine remembers: holds, reconciliation, correlation, chains of messages, on-call, maintenance."""

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
    op.create_table(
        "correlation_rulings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("left", sa.String(length=64), nullable=False),
        sa.Column("right", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correlation_rulings")),
        sa.UniqueConstraint("left", "right", name=op.f("uq_correlation_rulings_left_right")),
    )
    op.create_index("ix_correlation_rulings_right", "correlation_rulings", ["right"], unique=False)
    op.create_table(
        "duty_leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_duty_leases")),
    )
    op.create_table(
        "engine_state",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_engine_state")),
    )
    op.create_table(
        "maintenance_windows",
        sa.Column("id", KEY, nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("match", sa.JSON(), nullable=False),
        sa.Column("up_to", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_windows")),
    )
    op.create_index("ix_maintenance_windows_ends_at", "maintenance_windows", ["ends_at"], unique=False)
    op.create_table(
        "oncall_overrides",
        sa.Column("id", KEY, nullable=False),
        sa.Column("schedule", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("replaces", sa.String(length=64), nullable=True),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oncall_overrides")),
    )
    op.create_index("ix_oncall_overrides_schedule_ends_at", "oncall_overrides", ["schedule", "ends_at"], unique=False)
    op.create_table(
        "incident_services",
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("service", sa.String(length=200), nullable=False),
        sa.Column("third_party", sa.Boolean(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("last_alert_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_incident_services_incident_id")),
        sa.PrimaryKeyConstraint("incident_id", "service", name=op.f("pk_incident_services")),
    )
    op.create_index(
        "ix_incident_services_service_last_alert_at", "incident_services", ["service", "last_alert_at"], unique=False
    )
    op.create_table(
        "acknowledgements",
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("acknowledged_at", UtcDateTime(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_acknowledgements_incident_id")),
        sa.PrimaryKeyConstraint("incident_id", "cycle", "person", name=op.f("pk_acknowledgements")),
    )
    op.create_table(
        "used_links",
        sa.Column("link_id", sa.String(length=64), nullable=False),
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_used_links_incident_id")),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_used_links")),
    )
    op.create_table(
        "delivery_attempts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("message_key", sa.String(length=200), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("severity_rank", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("replica", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempts")),
    )
    op.create_index("ix_delivery_attempts_message_key", "delivery_attempts", ["message_key"], unique=False)
    op.create_index(
        "ix_delivery_attempts_person_channel_started_at",
        "delivery_attempts",
        ["person", "channel", "started_at"],
        unique=False,
    )
    op.add_column("inbox", sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("alert_episodes", sa.Column("starts_seen", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("alert_episodes", sa.Column("reopened", sa.Integer(), server_default="0", nullable=False))
    op.add_column("alert_episodes", sa.Column("confirm_by", UtcDateTime(), nullable=True))
    op.add_column("alert_episodes", sa.Column("resolve_held_at", UtcDateTime(), nullable=True))
    op.add_column("alert_episodes", sa.Column("resolved_at", UtcDateTime(), nullable=True))
    op.add_column("alert_episodes", sa.Column("resolution", sa.String(length=40), nullable=True))
    op.add_column(
        "alert_episodes", sa.Column("upstream", sa.String(length=16), server_default="active", nullable=False)
    )
    op.add_column("alert_episodes", sa.Column("upstream_detail", sa.JSON(), nullable=True))
    op.add_column("alert_episodes", sa.Column("absent_since", UtcDateTime(), nullable=True))
    op.add_column("alert_episodes", sa.Column("correlation", sa.JSON(), nullable=True))
    op.create_index("ix_alert_episodes_fingerprint_id", "alert_episodes", ["fingerprint", "id"], unique=False)
    op.add_column("incidents", sa.Column("dedup_key", sa.String(length=200), nullable=True))
    op.add_column("incidents", sa.Column("missed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("incidents", sa.Column("merged_into", sa.BigInteger(), nullable=True))
    op.add_column("incidents", sa.Column("correlation", sa.JSON(), nullable=True))
    op.add_column("incidents", sa.Column("alerts", sa.Integer(), server_default="0", nullable=False))
    op.add_column("incidents", sa.Column("suppressed_by", sa.JSON(), nullable=True))
    op.add_column("incidents", sa.Column("next_judgement_at", UtcDateTime(), nullable=True))
    op.add_column("incidents", sa.Column("resolution_held_at", UtcDateTime(), nullable=True))
    op.create_index("ix_incidents_next_judgement_at", "incidents", ["next_judgement_at"], unique=False)
    op.create_index(
        "uq_incidents_dedup_key_active",
        "incidents",
        ["dedup_key"],
        unique=True,
        sqlite_where=sa.text("status <> 'resolved'"),
        postgresql_where=sa.text("status <> 'resolved'"),
    )
    op.add_column("notifications", sa.Column("purpose", sa.String(length=16), server_default="page", nullable=False))
    op.add_column("notifications", sa.Column("chain", sa.String(length=200), server_default="", nullable=False))
    op.add_column("notifications", sa.Column("position", sa.Integer(), server_default="0", nullable=False))
    op.add_column("notifications", sa.Column("bundle", sa.String(length=200), nullable=True))
    op.add_column("notifications", sa.Column("wanted_at", UtcDateTime(), nullable=True))
    op.add_column("notifications", sa.Column("hold", sa.String(length=16), nullable=True))
    op.add_column("notifications", sa.Column("maybe_sent", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_notifications_chain", "notifications", ["chain"], unique=False)
    op.create_index(
        "ix_notifications_person_channel_state", "notifications", ["person", "channel", "state"], unique=False
    )
    op.create_index("ix_notifications_fence", "notifications", ["fence"], unique=False)
