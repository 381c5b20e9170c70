"""Which open incident an alert belongs to, and why. Pure; the first rule that fits decides.

Joining too much is the worse error: two pages for one cause cost a minute, one page for two causes hides a fault. So
every rule names a reason that a person can check, nothing joins without one, and the rules look only at incidents whose
latest alert is younger than the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wedsync_core.severity import Signal

UNNAMED_SERVICES = frozenset({"unknown", "other", ""})
"""Labels that stand for many services: no reason to think that two alerts mean the same one."""


@dataclass(frozen=True)
class Facts:
    """What is known of one alert. Empty ``regions`` means that it may be anywhere."""

    fingerprint: str
    service: str
    type: str
    workflows: frozenset[str]
    regions: frozenset[str]
    third_party: str | None
    """What it says fails outside the house."""
    direct: bool
    """Posted by the exporters themselves (``source="ingest"``), not by a rule of Prometheus."""
    suppressed: bool = False
    """Something keeps people asleep for it; it never joins what wakes them, nor the other way round."""


@dataclass(frozen=True)
class Part:
    """What an incident is about at one service, or at one third party. ``regions`` None: anywhere."""

    service: str
    third_party: bool
    workflows: frozenset[str]
    regions: frozenset[str] | None
    types: frozenset[str]
    direct: bool
    by_rule: bool


@dataclass(frozen=True)
class OpenIncident:
    """An incident that is not over, as far as an alert's place is concerned."""

    incident_id: int
    opened_at: datetime
    last_alert_at: datetime | None
    """None: it takes in nothing more by itself."""
    alerts: int
    parts: tuple[Part, ...]
    suppressed: bool = False
    together: bool = False
    """A person ruled that this alert belongs with one of its alerts."""
    apart: bool = False
    """A person ruled that it does not."""
    had_this_alert: bool = False

    @property
    def services(self) -> frozenset[str]:
        """Our services it is about."""
        return frozenset(part.service for part in self.parts if not part.third_party)

    @property
    def third_parties(self) -> frozenset[str]:
        """What it says fails outside the house."""
        return frozenset(part.service for part in self.parts if part.third_party)


@dataclass(frozen=True)
class Topology:
    """What each service calls. Names that are no service of ours are third parties."""

    services: frozenset[str]
    depends_on: Mapping[str, frozenset[str]]

    def calls(self, service: str) -> frozenset[str]:
        """Return what a service calls itself."""
        return self.depends_on.get(service, frozenset())

    def callers(self, name: str) -> frozenset[str]:
        """Return the services that call ``name`` themselves."""
        return frozenset(service for service, called in self.depends_on.items() if name in called)

    def is_third_party(self, name: str) -> bool:
        """Return whether ``name`` is called by a service and is none of ours."""
        return name not in self.services and bool(self.callers(name))

    def related(self, alert: Facts) -> frozenset[str]:
        """Return every name under which an incident may be found that the alert can belong to."""
        names = {alert.service, *self.calls(alert.service), *self.callers(alert.service)}
        if alert.third_party:
            names |= {alert.third_party, *self.callers(alert.third_party)}
        return frozenset(names - UNNAMED_SERVICES)


@dataclass(frozen=True)
class Limits:
    """``window``: since the incident's latest alert. ``most_alerts``: what one incident takes in by itself."""

    window: timedelta
    most_alerts: int


@dataclass(frozen=True)
class Place:
    """Where an alert goes. ``incident_id`` None: a new incident, which takes in those of ``folds``."""

    incident_id: int | None
    reason: str
    sentence: str
    folds: tuple[int, ...] = ()


Rule = Callable[[Facts, OpenIncident, Topology], str | None]
"""Says in a sentence why an alert belongs to an incident; None: it does not."""


def facts_of(
    fingerprint: str, labels: Mapping[str, str], signal: Signal, topology: Topology, *, suppressed: bool = False
) -> Facts:
    """Return what an alert's labels say about where it belongs."""
    third_party = labels.get("dependency") or labels.get("third_party")
    if not third_party and topology.is_third_party(signal.service):
        third_party = signal.service
    return Facts(
        fingerprint=fingerprint,
        service=signal.service,
        type=signal.type,
        workflows=signal.workflows,
        regions=signal.regions,
        third_party=third_party or None,
        direct=labels.get("source") == "ingest",
        suppressed=suppressed,
    )


def parts_of(alerts: Iterable[Facts], before: Iterable[Part] = ()) -> tuple[Part, ...]:
    """Return what an incident is about that had ``before`` and takes in ``alerts``."""
    own_parts: list[Part] = []
    for alert in alerts:
        own = Part(
            alert.service,
            alert.service == alert.third_party,
            alert.workflows,
            alert.regions or None,
            frozenset({alert.type}),
            direct=alert.direct,
            by_rule=not alert.direct,
        )
        own_parts.append(own)
        if alert.third_party and not own.third_party:
            own_parts.append(replace(own, service=alert.third_party, third_party=True))
    return joined_parts(before, own_parts)


def joined_parts(before: Iterable[Part], more: Iterable[Part]) -> tuple[Part, ...]:
    """Return what an incident is about that was about ``before`` and is about ``more`` too."""
    parts = {part.service: part for part in before}
    for part in more:
        known = parts.get(part.service)
        parts[part.service] = part if known is None else _joined(known, part)
    return tuple(parts.values())


def place(alert: Facts, incidents: Iterable[OpenIncident], topology: Topology, limits: Limits, now: datetime) -> Place:
    """Return where an alert goes that has begun to fire; of several incidents that fit, into the oldest."""
    fitting = [one for one in incidents if not one.apart and one.suppressed == alert.suppressed]
    oldest_first = sorted(fitting, key=lambda one: (one.opened_at, one.incident_id))
    for one in oldest_first:
        if one.together:
            return Place(one.incident_id, "ruled_together", "somebody merged these alerts, and that lasts")
    for one in oldest_first:
        if one.had_this_alert:
            return Place(one.incident_id, "returned", "this very alert fired in this incident before")
    near = [
        one
        for one in oldest_first
        if one.last_alert_at and now - one.last_alert_at <= limits.window and one.alerts < limits.most_alerts
    ]
    if alert.third_party:
        found = _of_third_party(alert, alert.third_party, near, topology, limits, now)
        if found is not None:
            return found
    for reason, rule in RULES:
        for one in near:
            sentence = rule(alert, one, topology)
            if sentence is not None:
                return Place(one.incident_id, reason, sentence)
    return Place(None, "first_alert", "no open incident has a known connection with this alert")


def _of_third_party(
    alert: Facts, third_party: str, near: list[OpenIncident], topology: Topology, limits: Limits, now: datetime
) -> Place | None:
    """Return the incident that is about the same third party, or a new one that its symptoms are folded under."""
    for one in near:
        if third_party in one.third_parties:
            return Place(one.incident_id, "same_third_party", f"both are about {third_party}")
    callers = topology.callers(third_party) | ({alert.service} - UNNAMED_SERVICES)
    symptoms = [
        one
        for one in near
        if now - one.opened_at <= limits.window
        and not one.third_parties
        and one.services <= callers
        and any(_regions_meet(alert.regions, part.regions) for part in one.parts)
    ]
    room = limits.most_alerts - 1
    folds: list[int] = []
    for one in symptoms:
        if one.alerts <= room:
            folds.append(one.incident_id)
            room -= one.alerts
    if not folds:
        return None
    names = ", ".join(sorted({name for one in symptoms for name in one.services}))
    sentence = f"{third_party} fails, and what failed just before depends on it: {names}"
    return Place(None, "third_party_behind", sentence, tuple(folds))


def _symptom(alert: Facts, incident: OpenIncident, topology: Topology) -> str | None:
    for third_party in sorted(incident.third_parties & topology.calls(alert.service)):
        part = next(part for part in incident.parts if part.service == third_party)
        if _regions_meet(alert.regions, part.regions):
            return f"{alert.service} depends on {third_party}, which is failing"
    return None


def _direct_alarm(alert: Facts, incident: OpenIncident, _topology: Topology) -> str | None:
    for part, shared in _same_workflow_parts(alert, incident):
        if alert.direct and part.by_rule and not part.direct:
            return f"a critical error of {alert.service} in {shared}, for which a rule fires already"
        if not alert.direct and part.direct and not part.by_rule:
            return f"a rule fires for {shared} of {alert.service}, which a critical error has announced"
    return None


def _same_workflow(alert: Facts, incident: OpenIncident, _topology: Topology) -> str | None:
    for part, shared in _same_workflow_parts(alert, incident):
        if _regions_meet(alert.regions, part.regions):
            return f"{shared} of {alert.service} is affected already"
    return None


def _other_region(alert: Facts, incident: OpenIncident, _topology: Topology) -> str | None:
    for part, shared in _same_workflow_parts(alert, incident):
        there = ", ".join(sorted(part.regions or ()))
        return f"{shared} of {alert.service} is affected in another region already: {there}"
    return None


def _same_service(alert: Facts, incident: OpenIncident, _topology: Topology) -> str | None:
    """Fit where one of the two names no workflow: what a service does badly, and the service doing badly."""
    for part in _own_parts(alert, incident):
        silent = not alert.workflows or not part.workflows
        if silent and (_regions_meet(alert.regions, part.regions) or alert.type in part.types):
            return f"{alert.service} is in trouble already, and one of the two names no workflow"
    return None


def _dependency(alert: Facts, incident: OpenIncident, topology: Topology) -> str | None:
    if alert.service in UNNAMED_SERVICES:
        return None
    for part in incident.parts:
        if part.third_party or not _regions_meet(alert.regions, part.regions):
            continue
        if part.service in topology.calls(alert.service):
            return f"{alert.service} depends on {part.service}, which is failing in the same region"
        if alert.service in topology.calls(part.service):
            return f"{part.service}, which is failing in the same region, depends on {alert.service}"
    return None


def _joined(one: Part, other: Part) -> Part:
    return Part(
        one.service,
        one.third_party or other.third_party,
        one.workflows | other.workflows,
        one.regions | other.regions if one.regions and other.regions else None,
        one.types | other.types,
        direct=one.direct or other.direct,
        by_rule=one.by_rule or other.by_rule,
    )


RULES: tuple[tuple[str, Rule], ...] = (
    ("third_party_outage", _symptom),
    ("direct_alarm", _direct_alarm),
    ("same_workflow", _same_workflow),
    ("same_workflow_other_region", _other_region),
    ("same_service", _same_service),
    ("dependency", _dependency),
)
"""After people's rulings, an alert that returns, and the cause of symptoms. In this order."""


def _own_parts(alert: Facts, incident: OpenIncident) -> list[Part]:
    if alert.service in UNNAMED_SERVICES:
        return []
    return [part for part in incident.parts if not part.third_party and part.service == alert.service]


def _same_workflow_parts(alert: Facts, incident: OpenIncident) -> list[tuple[Part, str]]:
    shared = [(part, sorted(part.workflows & alert.workflows)) for part in _own_parts(alert, incident)]
    return [(part, ", ".join(names)) for part, names in shared if names]


def _regions_meet(alert: frozenset[str], part: frozenset[str] | None) -> bool:
    """Return whether two failures may be in one place; unknown places may be any."""
    return not alert or not part or bool(alert & part)
