"""Which runbooks an incident asks for, and for what. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from webhook_receiver.runbooks.contract import Runbook
from webhook_receiver.runbooks.parameters import ParameterRefused, values_of_labels


@dataclass(frozen=True)
class Firing:
    """An alert of the incident."""

    fingerprint: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Wanted:
    """A runbook, what it is to act on, and the alerts that say so; ``refused`` when its parameters are not usable."""

    runbook: Runbook
    values: Mapping[str, str]
    alerts: tuple[str, ...]
    regions: frozenset[str]
    refused: str | None = None

    @property
    def target(self) -> str:
        """What tells one target of a runbook from another."""
        return target_of(self.values)


def target_of(values: Mapping[str, str]) -> str:
    """Return the parameters as one text."""
    return json.dumps(dict(sorted(values.items())), ensure_ascii=True)


def matches(runbook: Runbook, labels: Mapping[str, str]) -> bool:
    """Return whether an alert with these labels is what a runbook is for."""
    return all(labels.get(name) in allowed for name, allowed in runbook.match.items())


def wanted_by(runbooks: Iterable[Runbook], alerts: Sequence[Firing], environment: str) -> list[Wanted]:
    """Return what starts by itself for these alerts: each runbook once a target.

    What is not for this environment is not considered at all: an incident's log is no place to say so each time.
    """
    found: dict[tuple[str, str], Wanted] = {}
    for runbook in runbooks:
        if runbook.start != "automatic" or environment not in runbook.environments:
            continue
        for alert in alerts:
            if matches(runbook, alert.labels):
                _add(found, _wanted(runbook, alert))
    return list(found.values())


def _wanted(runbook: Runbook, alert: Firing) -> Wanted:
    region = alert.labels.get("region", "")
    regions = frozenset({region} if region else ())
    try:
        values = values_of_labels(runbook.parameters, alert.labels)
    except ParameterRefused as refused:
        return Wanted(runbook, {}, (alert.fingerprint,), regions, str(refused))
    return Wanted(runbook, values, (alert.fingerprint,), regions)


def _add(found: dict[tuple[str, str], Wanted], one: Wanted) -> None:
    key = (one.runbook.name, one.refused or one.target)
    before = found.get(key)
    if before is None:
        found[key] = one
        return
    # Where one alert names no region, it may be any.
    regions = before.regions | one.regions if before.regions and one.regions else frozenset()
    found[key] = Wanted(one.runbook, before.values, (*before.alerts, *one.alerts), regions, before.refused)
