"""Incidents that are recorded and wake nobody."""
