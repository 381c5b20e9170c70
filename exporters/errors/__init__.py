"""Errors: taken in, cleaned, grouped, judged, stored, counted; the grave ones raise an alarm at once."""
