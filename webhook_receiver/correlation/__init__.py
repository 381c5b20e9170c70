"""Which alerts are one incident, and why."""
