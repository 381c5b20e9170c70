"""Runs of runbooks: what was asked, judged, done and approved."""

import sqlalchemy as sa
from alembic import op

from wedsync_core.storage import UtcDateTime

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up to this revision."""
    op.create_table(
        "runbook_runs",
        sa.Column("id", KEY, nullable=False),
        sa.Column("runbook", sa.String(length=64), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("incident_id", KEY, nullable=True),
        sa.Column("requested_by", sa.String(length=200), nullable=False),
        sa.Column("start_key", sa.String(length=200), nullable=True),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("alerts", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("plan_digest", sa.String(length=64), nullable=False),
        sa.Column("plan_seen", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("gates", sa.JSON(), nullable=False),
        sa.Column("next_step", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("deadline_at", UtcDateTime(), nullable=True),
        sa.Column("clear_since", UtcDateTime(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_runbook_runs_incident_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runbook_runs")),
        sa.UniqueConstraint("start_key", name=op.f("uq_runbook_runs_start_key")),
    )
    op.create_index("ix_runbook_runs_state_due_at", "runbook_runs", ["state", "due_at"], unique=False)
    op.create_index("ix_runbook_runs_runbook_started_at", "runbook_runs", ["runbook", "started_at"], unique=False)
    op.create_index("ix_runbook_runs_incident_id", "runbook_runs", ["incident_id"], unique=False)
    op.create_index("ix_runbook_runs_finished_at", "runbook_runs", ["finished_at"], unique=False)
    op.create_table(
        "runbook_steps",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("output", sa.Text(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runbook_runs.id"], name=op.f("fk_runbook_steps_run_id")),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_runbook_steps")),
    )
    op.create_table(
        "runbook_approvals",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("plan_digest", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("approved_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runbook_runs.id"], name=op.f("fk_runbook_approvals_run_id")),
        sa.PrimaryKeyConstraint("run_id", "person", name=op.f("pk_runbook_approvals")),
    )
    op.create_table(
        "runbook_looks",
        sa.Column("incident_id", KEY, nullable=False),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name=op.f("fk_runbook_looks_incident_id")),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_runbook_looks")),
    )
