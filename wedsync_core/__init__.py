"""What both services must agree on: the calendar, severity, redaction, and the plumbing under them."""

__version__ = "0.1.0"
