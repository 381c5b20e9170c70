"""Owns the incident from the first alert to the page: intake, escalation, delivery."""
