"""Faults on request. This module only decides which request a fault strikes; each acts in its own real place."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Literal, get_args

from exporters.instrumentation import WORKFLOWS

FaultKind = Literal["slow", "failing", "database_down", "third_party_down", "data_loss"]
KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)
ONLY: Final[Mapping[FaultKind, str]] = {"third_party_down": "payment", "data_loss": "photo_upload"}
"""Faults that have one workflow to act in."""

MOST_FAULTS: Final = 50
LONGEST_SECONDS: Final = 3_600.0
USUAL_DELAY: Final = 3.0


class FaultInvalid(ValueError):
    """A fault that cannot be set; the message names the field."""


@dataclass(frozen=True)
class FaultOrder:
    """What was asked for. `seconds` is the delay of `slow`; `for_seconds`, if given, ends the fault by itself."""

    kind: FaultKind
    workflow: str | None
    region: str | None
    share: float
    seconds: float
    for_seconds: float | None

    def touches(self, workflow: str | None, region: str | None) -> bool:
        """Whether it strikes requests of this workflow and region; None: of whatever."""
        same_workflow = None in (workflow, self.workflow) or workflow == self.workflow
        return same_workflow and (None in (region, self.region) or region == self.region)

    def covers(self, workflow: str, region: str | None) -> bool:
        """Whether it concerns a request of this workflow and region; a part not named covers all."""
        return self.workflow in (None, workflow) and self.region in (None, region)


def parse_order(asked: object, regions: frozenset[str]) -> FaultOrder:
    """Return the order in a request's JSON; raises FaultInvalid naming the field."""
    if not isinstance(asked, dict):
        raise FaultInvalid("send a JSON object")
    unknown = set(asked) - {"fault", "workflow", "region", "share", "seconds", "for_seconds"}
    if unknown:
        raise FaultInvalid(f"there is no field {min(map(str, unknown))!r}")
    kind = next((known for known in KINDS if known == asked.get("fault")), None)
    if kind is None:
        raise FaultInvalid(f"fault must be one of {', '.join(KINDS)}")
    workflow = _one_of(asked, "workflow", frozenset(WORKFLOWS))
    if kind in ONLY and workflow not in (None, ONLY[kind]):
        raise FaultInvalid(f"{kind} acts in the workflow {ONLY[kind]} only")
    return FaultOrder(
        kind=kind,
        workflow=ONLY.get(kind, workflow),
        region=_one_of(asked, "region", regions),
        share=_number(asked, "share", 1.0, 0.0, 1.0),
        seconds=_number(asked, "seconds", USUAL_DELAY, 0.0, 60.0),
        for_seconds=_number(asked, "for_seconds", 0.0, 0.0, LONGEST_SECONDS) or None,
    )


def _one_of(asked: Mapping[str, Any], name: str, allowed: frozenset[str]) -> str | None:
    value = asked.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in allowed:
        raise FaultInvalid(f"{name} must be one of {', '.join(sorted(allowed))}")
    return value


def _number(asked: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = asked.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise FaultInvalid(f"{name} must be a number from {low:g} to {high:g}")
    return float(value)


class Fault:
    """A fault in force. It strikes exactly its share of the requests it covers, evenly spread, without chance."""

    def __init__(self, number: int, order: FaultOrder, since: float) -> None:
        self.id = str(number)
        self.order = order
        self.removed = threading.Event()
        self.strikes = 0
        self._since = since
        self._owed = 0.0

    def over(self, now: float) -> bool:
        """Whether its own time is up, by the monotonic clock."""
        return self.order.for_seconds is not None and now - self._since >= self.order.for_seconds

    def strike(self) -> bool:
        """Whether the next request is struck: a share of 0.25 strikes each fourth."""
        self._owed += self.order.share
        if self._owed < 1 - 1e-9:
            return False
        self._owed -= 1
        self.strikes += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """Return it as `GET /faults` shows it."""
        order = self.order
        return {
            "id": self.id,
            "fault": order.kind,
            "workflow": order.workflow,
            "region": order.region,
            "share": order.share,
            "seconds": order.seconds if order.kind == "slow" else None,
            "for_seconds": order.for_seconds,
            "strikes": self.strikes,
        }


class FaultBoard:
    """The faults in force. Every service asks it; removing a fault ends it for the requests it is holding up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self._numbers = count(1)

    def add(self, order: FaultOrder, now: float) -> Fault:
        """Put a fault in force; raises FaultInvalid when there are too many."""
        with self._lock:
            if len(self._faults) >= MOST_FAULTS:
                raise FaultInvalid(f"{MOST_FAULTS} faults are in force; remove one")
            fault = Fault(next(self._numbers), order, now)
            self._faults[fault.id] = fault
            return fault

    def in_force(self, now: float) -> list[Fault]:
        """Return the faults whose time is not up, oldest first."""
        with self._lock:
            for fault in [fault for fault in self._faults.values() if fault.over(now)]:
                self._end(fault.id)
            return list(self._faults.values())

    def remove(self, number: str) -> bool:
        """End one fault; returns whether it was in force."""
        with self._lock:
            return self._end(number)

    def clear(self, kind: str | None = None, workflow: str | None = None, region: str | None = None) -> int:
        """End the faults of a kind that strike a workflow or a region, all if nothing is named; returns how many."""
        with self._lock:
            ended = [
                number
                for number, fault in self._faults.items()
                if kind in (None, fault.order.kind) and fault.order.touches(workflow, region)
            ]
            return sum(self._end(number) for number in ended)

    def struck(self, kind: FaultKind, workflow: str, region: str | None, now: float) -> Fault | None:
        """Return the fault that strikes this request, if one does."""
        for fault in self.in_force(now):
            if fault.order.kind == kind and fault.order.covers(workflow, region):
                with self._lock:
                    if fault.strike():
                        return fault
        return None

    def _end(self, number: str) -> bool:
        fault = self._faults.pop(number, None)
        if fault is None:
            return False
        fault.removed.set()
        return True
