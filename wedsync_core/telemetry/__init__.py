"""The only door to OpenTelemetry and to the log."""
