"""Alertmanager's webhook message, version 4, as sent by 0.25 to 0.34.

Read per alert and by its own status only: the message's common status is computed on a list that may have been cut,
and one alert that cannot be understood must not cost the others. Unknown keys are somebody's future, not an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wedsync_core.clock import NO_END, parse_timestamp
from wedsync_core.jsontext import encodable

LONGEST_NAME = 256
LONGEST_VALUE = 4096
MOST_PAIRS = 128
"""Longer texts are cut and further pairs are dropped: a page with a cut label beats no page."""

WATCHDOG = "Watchdog"


class NotUnderstood(ValueError):
    """A message, or one alert in it, is not what Alertmanager sends. Sending it again cannot help."""


@dataclass(frozen=True)
class Sighting:
    """One alert in one message."""

    fingerprint: str
    firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    generator_url: str

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels.get("alertname", "unnamed alert")


@dataclass(frozen=True)
class Message:
    """One POST, its alerts not yet read."""

    group_key: str
    truncated_alerts: int
    alerts: tuple[Any, ...]


def read_message(document: Any) -> Message:
    """Return the message in a JSON value; raises NotUnderstood."""
    if not isinstance(document, dict):
        raise NotUnderstood("the message is not an object")
    if document.get("version") != "4":
        raise NotUnderstood(f"version: {str(document.get('version'))[:32]!r} is not '4'")
    alerts = document.get("alerts")
    if not isinstance(alerts, list):
        raise NotUnderstood("alerts: must be a list")
    truncated = document.get("truncatedAlerts", 0)
    return Message(
        group_key=_text(document.get("groupKey", "")),
        truncated_alerts=truncated if isinstance(truncated, int) and truncated > 0 else 0,
        alerts=tuple(alerts),
    )


def read_alert(alert: Any, now: datetime) -> Sighting:
    """Return one alert as a sighting; raises NotUnderstood.

    A start that cannot be read, or lies in the future, becomes ``now``: a wrong clock must not delay a page.
    """
    if not isinstance(alert, dict):
        raise NotUnderstood("the alert is not an object")
    status = alert.get("status")
    if status not in ("firing", "resolved"):
        raise NotUnderstood(f"status: {str(status)[:32]!r} is neither 'firing' nor 'resolved'")
    labels = _pairs(alert.get("labels"), "labels")
    if not labels:
        raise NotUnderstood("labels: an alert without labels has no identity")
    ends_at = _moment(alert.get("endsAt"))
    return Sighting(
        fingerprint=_fingerprint(alert.get("fingerprint"), labels),
        firing=status == "firing",
        labels=labels,
        annotations=_pairs(alert.get("annotations", {}), "annotations"),
        starts_at=min(_moment(alert.get("startsAt")) or now, now),
        ends_at=None if ends_at is None or ends_at == NO_END else ends_at,
        generator_url=_text(alert.get("generatorURL", "")),
    )


def _pairs(value: Any, field: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise NotUnderstood(f"{field}: must be an object")
    return {encodable(str(name))[:LONGEST_NAME]: _text(value[name]) for name in sorted(value, key=str)[:MOST_PAIRS]}


def _text(value: Any) -> str:
    return encodable(value if isinstance(value, str) else str(value))[:LONGEST_VALUE]


def _moment(value: Any) -> datetime | None:
    try:
        return parse_timestamp(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _fingerprint(value: Any, labels: Mapping[str, str]) -> str:
    """Return Alertmanager's fingerprint of the labels; where a sender left it out, as Alertmanager would make it."""
    if isinstance(value, str) and 0 < len(value) <= 64 and value.isascii() and value.isalnum():
        return value
    return fingerprint_of(labels)


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """Return the fingerprint that Prometheus and Alertmanager give a set of labels: FNV-1a of 64 bits.

    Over names and values in the order of the names, a byte 255 after each (prometheus/common, ``model.Fingerprint``).
    """
    digest = 0xCBF29CE484222325
    for name in sorted(labels):
        for part in (name, labels[name]):
            for byte in (*part.encode(), 0xFF):
                digest = (digest ^ byte) * 0x100000001B3 % 2**64
    return f"{digest:016x}"
