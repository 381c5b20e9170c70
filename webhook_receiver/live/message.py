"""What listeners are told: which message an entry of an incident's log makes, and which a recorded series."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_receiver.incidents.incident import EventKind
from webhook_receiver.sources.contract import Sample

ALERTING = frozenset(
    kind.value for kind in (EventKind.OPENED, EventKind.REOPENED, EventKind.SEVERITY_RAISED, EventKind.ALERT_JOINED)
)
"""The entries that are news of an alert, not only of the work on it."""


@dataclass(frozen=True)
class Message:
    """One message, and the channels it goes to: a listener of several of them gets it once."""

    kind: str
    data: Mapping[str, Any]
    channels: frozenset[str]
    seq: int
    """The number of the log's entry; for what is no entry, the last one told before it."""

    def text(self, now: datetime) -> str:
        """Return the frame's text. ``timestamp`` is in milliseconds."""
        return json.dumps(
            {"type": self.kind, "data": self.data, "timestamp": int(now.timestamp() * 1000), "seq": self.seq},
            ensure_ascii=False,
            allow_nan=False,
        )


def messages_of(
    seq: int, event: Mapping[str, Any], incident: Mapping[str, Any], services: Iterable[str]
) -> list[Message]:
    """Return what an entry of a log makes of itself: news of the incident, and of an alert when it is that too."""
    number = incident["id"]
    channels = frozenset({"incidents:all", f"incidents:{number}"})
    told = [Message("incident", {"incidentId": number, "event": event, "incident": incident}, channels, seq)]
    if event["kind"] in ALERTING:
        names = {incident["severity"], incident["service"], *services}
        alert = {
            "incidentId": number,
            "event": event["kind"],
            "title": incident["title"],
            "description": incident["description"],
            "severity": incident["severity"],
            "weddingImpact": incident["wedding_impact"],
            "escalationPolicy": incident["escalation_policy"],
            "suppressionRules": incident["suppressed_by"],
            "service": incident["service"],
            "type": incident["type"],
            "affects": incident["affects"],
            "regions": incident["regions"],
            "status": incident["status"],
            "startedAt": incident["created_at"],
        }
        told.append(Message("alert", alert, frozenset(f"alerts:{name}" for name in names), seq))
    return told


def updates_of(samples: Sequence[Sample], seq: int) -> dict[str, Message]:
    """Return a message for each recorded metric, by its name, with all its series in the order of their labels."""
    series: dict[str, list[Sample]] = {}
    for sample in samples:
        series.setdefault(sample.name, []).append(sample)
    return {
        name: Message(
            "metric_update",
            {
                "type": type_of(name),
                "metric": name,
                "series": [
                    {"labels": dict(one.labels), "value": one.value}
                    for one in sorted(found, key=lambda one: sorted(one.labels.items()))
                ],
            },
            frozenset({"metrics:all", f"metrics:{type_of(name)}"}),
            seq,
        )
        for name, found in series.items()
    }


def type_of(name: str) -> str:
    """Return the type in a recorded name: ``service:wedsync_http_requests:rate5m`` is of type ``http``."""
    measured = name.split(":")[1] if name.count(":") >= 2 else name
    return measured.removeprefix("wedsync_").split("_")[0]
