"""Schema steps of the telemetry database."""
