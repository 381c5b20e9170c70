"""How Alembic reaches the incident database; called by ``wedsync_core.storage.migrate``."""

from webhook_receiver.schema import METADATA
from wedsync_core.storage.migrations import run_environment

run_environment(METADATA)
