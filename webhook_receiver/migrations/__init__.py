"""Schema steps of the incident database."""
