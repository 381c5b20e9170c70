"""The watchers watched: the Watchdog in, the heartbeat out, the auditor, and pages without a database."""
