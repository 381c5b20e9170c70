"""Which alerts lived and died while nobody was listening. Pure.

Alertmanager forgets an alert that ended; only Prometheus' own history still has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webhook_receiver.alerts.contract import WATCHDOG
from webhook_receiver.alerts.episode import RECORDED_ONLY
from webhook_receiver.sources.contract import Evaluated, Fired, Silence

SLACK = timedelta(seconds=60)
"""History is told in steps, and an episode begins when we heard of it: lives this close are the same."""


@dataclass(frozen=True)
class Lived:
    """The time of an episode that we know."""

    labels: Mapping[str, str]
    first_at: datetime
    last_at: datetime | None


@dataclass(frozen=True)
class Missed:
    """An alert that fired and is over; nobody was told. Several lives of one alert are one."""

    labels: Mapping[str, str]
    first_at: datetime
    last_at: datetime
    times: int


def missed_alerts(
    fired: Iterable[Fired], now_evaluated: Sequence[Evaluated], known: Iterable[Lived], silences: Iterable[Silence] = ()
) -> list[Missed]:
    """Return what fired in a past span, does not fire now, and has no episode at that time.

    ALERTS lacks external labels: an episode is of the same alert when it has all labels that Prometheus names.
    """
    firing = {_identity(one.labels) for one in now_evaluated if one.firing}
    by_name: dict[str, list[Lived]] = {}
    for lived in known:
        by_name.setdefault(lived.labels.get("alertname", ""), []).append(lived)
    held_back = list(silences)
    found: dict[frozenset[tuple[str, str]], Missed] = {}
    for life in fired:
        name, identity = life.labels.get("alertname", ""), _identity(life.labels)
        if name == WATCHDOG or life.labels.get("severity") in RECORDED_ONLY or identity in firing:
            continue
        if any(_same(lived, life) for lived in by_name.get(name, ())):
            continue
        if any(_silenced_throughout(silence, life) for silence in held_back):
            continue
        earlier = found.get(identity)
        found[identity] = _joined(earlier, life)
    return sorted(found.values(), key=lambda one: (one.labels.get("severity") != "critical", one.first_at))


def _same(lived: Lived, life: Fired) -> bool:
    overlaps = lived.first_at - SLACK <= life.last_at and (
        lived.last_at is None or lived.last_at + SLACK >= life.first_at
    )
    return overlaps and life.labels.items() <= lived.labels.items()


def _silenced_throughout(silence: Silence, life: Fired) -> bool:
    if not (silence.starts_at <= life.first_at + SLACK and silence.ends_at >= life.last_at - SLACK):
        return False
    return bool(silence.matchers) and all(
        _matches(one.value, life.labels.get(one.name, ""), is_regex=one.is_regex) == one.is_equal
        for one in silence.matchers
    )


def _matches(pattern: str, value: str, *, is_regex: bool) -> bool:
    if not is_regex:
        return pattern == value
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        # Go's dialect knows what Python's does not. Unread is unmatched: a page too many rather than one too few.
        return False


def _joined(earlier: Missed | None, life: Fired) -> Missed:
    if earlier is None:
        return Missed(life.labels, life.first_at, life.last_at, 1)
    first, last = min(earlier.first_at, life.first_at), max(earlier.last_at, life.last_at)
    return Missed(life.labels, first, last, earlier.times + 1)


def _identity(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())
