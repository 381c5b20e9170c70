"""What a page says, and what one message of many pages says. Pure; short, since it is read at 03:00 on a phone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from wedsync_core.redaction import redact_text

LONGEST_SUBJECT = 200
LONGEST_DESCRIPTION = 1000
_MARKS = {"raised": "RAISED ", "update": "UPDATE "}


@dataclass(frozen=True)
class Mentioned:
    """An incident named in a message about several."""

    incident_id: str
    severity: str
    subject: str


@dataclass(frozen=True)
class Page:
    """One message to one person: about one incident, or about all of ``incidents``."""

    incident_id: str
    severity: str
    wedding_impact: str
    subject: str
    body: str
    url: str
    runbook_url: str
    escalation_level: int
    incidents: tuple[Mentioned, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the stored and posted form."""
        return asdict(self)


@dataclass(frozen=True)
class Told:
    """What a page is made of."""

    incident_id: int
    title: str
    description: str
    severity: str
    wedding_impact: str
    service: str
    regions: tuple[str, ...]
    reasons: tuple[str, ...]
    runbook_url: str
    level: int
    repeated: bool
    purpose: str = "page"
    missed: bool = False
    """It began and ended while nobody could be told."""


def compose(told: Told, base_url: str) -> Page:
    """Return the page: what, where, why this severity, what to open. Redacted once more at this last door."""
    mark = _MARKS.get(told.purpose, "AGAIN " if told.repeated else "")
    mark = f"LATE {mark}" if told.missed else mark
    where = f" ({', '.join(told.regions)})" if told.regions else ""
    subject = redact_text(f"{mark}[{told.severity.upper()}] {told.title}{where}")[:LONGEST_SUBJECT]
    url = f"{base_url}/api/monitoring/incidents/{told.incident_id}"
    lines = [
        "It was over before you could be told: acknowledging closes it." if told.missed else "",
        shortened(told.description, LONGEST_DESCRIPTION),
        f"Service: {told.service}. Wedding impact: {told.wedding_impact}.",
        f"Why {told.severity}: {'; '.join(told.reasons)}.",
        f"Runbook: {told.runbook_url}" if told.runbook_url else "",
        f"Incident {told.incident_id}: {url}",
    ]
    return Page(
        incident_id=str(told.incident_id),
        severity=told.severity,
        wedding_impact=told.wedding_impact,
        subject=subject,
        body=redact_text("\n".join(line for line in lines if line)),
        url=url,
        runbook_url=told.runbook_url,
        escalation_level=told.level,
    )


def page_from_json(stored: Mapping[str, Any]) -> Page:
    """Return the page stored with a notification. Only bundles name several, and those are never stored."""
    known = {field.name for field in fields(Page)} - {"incidents"}
    return Page(**{name: value for name, value in stored.items() if name in known})


def shortened(text: str, longest: int) -> str:
    """Return the text, cut with a mark where it is longer."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
