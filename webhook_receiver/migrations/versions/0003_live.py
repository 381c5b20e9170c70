"""Tickets of the live view."""

import sqlalchemy as sa
from alembic import op

from wedsync_core.storage import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up to this revision."""
    op.create_table(
        "live_tickets",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_live_tickets")),
    )
    op.create_index("ix_live_tickets_expires_at", "live_tickets", ["expires_at"], unique=False)
