"""The dead-man's switch: whether the silence of the Watchdog has lasted too long. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Asked:
    """What asking has shown, by our own clock. Alertmanager repeats a Watchdog for four minutes after Prometheus died.

    ``heard_at``: it had news of the Watchdog; ``checked_at``: it answered; ``lost_at``: since when Prometheus does not
    answer, or shows no Watchdog. ``every``: the time between two passes.
    """

    heard_at: datetime
    checked_at: datetime
    lost_at: datetime | None
    every: timedelta


@dataclass(frozen=True)
class Switch:
    """``silent_since`` is the moment from which silence counts."""

    late: bool
    reason: str
    silent_since: datetime


def judge_silence(
    last_seen: datetime | None, asked: Asked | None, started: datetime, now: datetime, late_after: timedelta
) -> Switch:
    """Return whether the Watchdog is late.

    Silence counts from the last sighting, and not before ``started``, when this process began to listen: what was said
    while nobody listened proves nothing, and a restart must not call anybody.
    """
    since = started if last_seen is None else max(last_seen, started)
    if now - since >= late_after:
        return Switch(True, "never_seen" if last_seen is None else "silent", since)
    if asked is not None:
        heard_at = max(asked.heard_at, started)
        # Confirmed by a pass well after its last news: otherwise it is Alertmanager that has not been asked.
        confirmed = asked.checked_at - asked.heard_at >= late_after - 2 * asked.every
        if confirmed and now - heard_at >= late_after:
            return Switch(True, "alertmanager_has_no_news", heard_at)
        if asked.lost_at is not None and asked.heard_at <= asked.lost_at:
            lost_at = max(asked.lost_at, started)
            if now - lost_at >= late_after - asked.every:
                return Switch(True, "prometheus_is_lost", lost_at)
    return Switch(False, "heard" if last_seen is not None and last_seen >= started else "just_started", since)
