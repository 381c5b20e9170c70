"""A message as it came and as it was understood: alert by alert, each with what of its message counts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from webhook_receiver.alerts.contract import WATCHDOG, NotUnderstood, Sighting, read_alert, read_message
from wedsync_core.jsontext import parse_json
from wedsync_core.problems import Malformed


@dataclass(frozen=True)
class Placed:
    """A sighting, where in its message it stood, and of that message what counts."""

    position: int
    sighting: Sighting
    group_key: str
    received_at: datetime
    complete: bool


@dataclass(frozen=True)
class Reading:
    """A message as it came and as it was understood; ``problem`` is set when it was not."""

    body: bytes
    truncated_alerts: int = 0
    placed: Sequence[Placed] = ()
    refused: Sequence[tuple[int, str]] = ()
    problem: str | None = None

    @property
    def state(self) -> str:
        """What the message's row says once it has been processed."""
        return "done" if self.problem is None else "quarantined"

    @property
    def problems(self) -> list[str]:
        """What was not understood, of the whole or of single alerts."""
        return [self.problem] if self.problem is not None else [text for _, text in self.refused]

    @property
    def positions(self) -> int:
        """How many alerts the message carried, understood or not."""
        return len({position for position, _ in self.refused} | {one.position for one in self.placed})


def read(body: bytes, received_at: datetime) -> Reading:
    """Return what a body says; what cannot be understood is told in it, and costs none of the rest."""
    try:
        message = read_message(parse_json(body))
    except (Malformed, NotUnderstood) as error:
        return Reading(body, problem=str(error))
    placed: list[Placed] = []
    refused: list[tuple[int, str]] = []
    complete = not message.truncated_alerts
    for position, alert in enumerate(message.alerts):
        try:
            sighting = read_alert(alert, received_at)
        except NotUnderstood as error:
            refused.append((position, str(error)))
        else:
            placed.append(Placed(position, sighting, message.group_key, received_at, complete))
    return Reading(body, message.truncated_alerts, sorted(placed, key=order), refused)


def is_urgent(one: Placed) -> bool:
    """What must not wait for a storm: it pages, or it says that alerting is alive. Part of what the alert is."""
    return one.sighting.labels.get("severity") == "critical" or one.sighting.name == WATCHDOG


def order(one: Placed) -> tuple[bool, str]:
    """Critical first, for the storm; then one order for every replica. Of one alert, in the order they came."""
    return one.sighting.labels.get("severity") != "critical", one.sighting.fingerprint


def pieces(placed: Sequence[Placed], most: int) -> Iterator[Sequence[Placed]]:
    """Yield the alerts in pieces of ``most`` at most."""
    for start in range(0, len(placed), most):
        yield placed[start : start + most]
