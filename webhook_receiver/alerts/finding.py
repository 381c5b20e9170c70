"""What the receiver itself finds wrong with what it is sent, as incidents: somebody is told, once a finding. Pure."""

from __future__ import annotations

from webhook_receiver.incidents.service import Report
from wedsync_core.severity import Signal

ACTOR = "receiver"
SIGNAL = Signal(
    service="webhook_receiver",
    type="monitoring_fault",
    affects=frozenset(),
    regions=frozenset(),
    rule_severity="critical",
)
RUNBOOK = "https://github.com/wedsync/monitoring/blob/main/docs/runbooks/AlertsQuarantined.md"


def quarantined(inbox_id: int, problems: list[str]) -> Report:
    """Return the report of alerts, or of a whole message, that could not be understood."""
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return _finding(
        "quarantine",
        "Alerts could not be understood and were set aside: nobody is paged about them",
        f"Message {inbox_id} from Alertmanager: {'; '.join(problems[:3])}{more}. The rest of it was processed. "
        "Look in Alertmanager for what fires.",
    )


def oversize(inbox_id: int, size: int, limit: int) -> Report:
    """Return the report of a message that was too large to take."""
    return _finding(
        "oversize",
        "A message from Alertmanager was too large: alerts in it may be missing here",
        f"Message {inbox_id} had {size} bytes, of which {limit} are taken at most. Its head was kept and Alertmanager "
        "is asked for what it holds. Group by more labels in alertmanager.yml.",
    )


def _finding(key: str, title: str, description: str) -> Report:
    return Report(
        title=title,
        description=description,
        signal=SIGNAL,
        actor=ACTOR,
        auto_created=True,
        runbook_url=RUNBOOK,
        labels={"service": SIGNAL.service, "type": SIGNAL.type, "severity": "critical"},
        dedup_key=key,
    )
