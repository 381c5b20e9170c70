"""Where old rows are found, and the pages and links that go with them."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema up to this revision."""
    op.create_index("ix_incidents_resolved_at", "incidents", ["resolved_at"], unique=False)
    op.create_index("ix_notifications_created_at", "notifications", ["created_at"], unique=False)
    op.create_index("ix_notifications_bundle", "notifications", ["bundle"], unique=False)
    op.create_index("ix_delivery_attempts_started_at", "delivery_attempts", ["started_at"], unique=False)
    op.create_index("ix_used_links_incident_id", "used_links", ["incident_id"], unique=False)
