"""How Alembic reaches the telemetry database; called by ``wedsync_core.storage.migrate``."""

from exporters.schema import METADATA
from wedsync_core.storage.migrations import run_environment

run_environment(METADATA)
