"""The wedding calendar on /metrics."""
