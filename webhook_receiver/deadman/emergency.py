"""What pages without a database, and what such a page says. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from webhook_receiver.alerts.contract import WATCHDOG, NotUnderstood, Sighting
from webhook_receiver.incidents.classification import signal_of_alert
from webhook_receiver.notify.message import LONGEST_SUBJECT, Page
from wedsync_core.redaction import redact_text
from wedsync_core.season import RegionFacts
from wedsync_core.severity import Severity, SeveritySettings, classify

MOST_NAMED = 50
"""Named in one page; the rest is counted. Fifty lines are what a telephone still shows."""
MARK = "LAST RESORT"

Judge = Callable[[Mapping[str, str]], bool]
"""Says of an alert's labels whether it is critical today."""


@dataclass(frozen=True)
class Emergency:
    """Something that somebody must know although it cannot be written down. ``key`` tells repeats."""

    key: str
    title: str
    description: str = ""
    runbook_url: str = ""


def emergencies(sightings: Sequence[Sighting], critical: Judge) -> list[Emergency]:
    """Return the critical alerts among those that fire."""
    return [
        Emergency(
            key=sighting.fingerprint,
            title=sighting.annotations.get("summary") or sighting.name,
            description=sighting.annotations.get("description", ""),
            runbook_url=sighting.annotations.get("runbook_url", ""),
        )
        for sighting in sightings
        if sighting.firing and sighting.name != WATCHDOG and critical(sighting.labels)
    ]


def critical_by_rule(labels: Mapping[str, str]) -> bool:
    """Return whether the alert rule itself says so."""
    return labels.get("severity") == "critical"


def critical_by_calendar(calendar: Mapping[str, RegionFacts], limits: SeveritySettings) -> Judge:
    """Return the judgement of the rule, and of what day it is at the venues."""

    def critical(labels: Mapping[str, str]) -> bool:
        if critical_by_rule(labels):
            return True
        if labels.get("severity") in ("info", "none"):
            return False
        return classify(signal_of_alert(labels), calendar, limits).severity is Severity.CRITICAL

    return critical


def unreadable(problem: NotUnderstood | Exception) -> Emergency:
    """Return what is told of a message that could be neither kept nor read."""
    return Emergency(
        "unreadable_message",
        "Alertmanager sent a message that could be neither kept nor read",
        f"Look at Alertmanager itself. The problem: {problem}",
    )


def compose_last_resort(found: Sequence[Emergency], base_url: str) -> Page:
    """Return one page for everything found, its kind of way marked, each thing named up to ``MOST_NAMED``."""
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    unnamed = len(found) - MOST_NAMED
    lines = [
        "Sent without the incident database: nothing is recorded, nobody else is told, and it cannot be acknowledged.",
        *(_line(one) for one in found[:MOST_NAMED]),
        f"... and {unnamed} more." if unnamed > 0 else "",
        f"Look at Alertmanager and at {base_url}/readyz. Once the database is back you may be told of it again.",
    ]
    return Page(
        incident_id="",
        severity=Severity.CRITICAL.value,
        wedding_impact="unknown",
        subject=redact_text(f"{MARK} [CRITICAL] {first.title}{more}")[:LONGEST_SUBJECT],
        body=redact_text("\n".join(line for line in lines if line)),
        url=f"{base_url}/readyz",
        runbook_url=first.runbook_url,
        escalation_level=0,
    )


def key_of_page(found: Sequence[Emergency], person: str, channel: str, slot: int) -> str:
    """Return the idempotency key: the same for the same things in the same ``slot`` of time, on any replica."""
    told = hashlib.sha256("\x00".join(sorted(one.key for one in found)).encode()).hexdigest()[:24]
    return f"last-resort-{told}-{slot}-{person}-{channel}"


def _line(one: Emergency) -> str:
    parts = [one.title, one.description, f"Runbook: {one.runbook_url}" if one.runbook_url else ""]
    return "- " + " ".join(part for part in parts if part)[:500]
