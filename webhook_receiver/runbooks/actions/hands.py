"""Does one planned step. Every kind that reaches outside is here; the others are written by the service."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from webhook_receiver.runbooks.actions.call import call
from webhook_receiver.runbooks.actions.program import run
from webhook_receiver.runbooks.actions.result import Result, told
from webhook_receiver.sources.contract import Matcher, SourceRefused, Sources, SourceUnavailable
from wedsync_core.clock import Clock
from wedsync_core.settings.runbooks import RunbookSettings

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
CREATED_BY = "wedsync runbook"


class Hands:
    """Reaches outside. ``machine`` counts the seconds a step takes; ``clock`` says what time it is."""

    def __init__(self, settings: RunbookSettings, sources: Sources, clock: Clock, machine: Clock) -> None:
        self._settings = settings
        self._sources = sources
        self._clock = clock
        self._machine = machine

    def limit(self, planned: Mapping[str, Any]) -> timedelta:
        """Return how long a step may take at most, cleaning up included."""
        if planned["do"] == "program":
            return self._settings.programs[planned["program"]].timeout + timedelta(seconds=30)
        if planned["do"] == "call":
            return self._settings.endpoints[planned["endpoint"]].timeout * 2 + timedelta(seconds=30)
        return timedelta(seconds=60)

    def do(self, planned: dict[str, Any], silence_id: str | None = None) -> Result:
        """Do a step; what goes wrong is its result. ``silence_id`` is of the step that an ``expire_silence`` names."""
        try:
            return self._done(planned, silence_id)
        except SourceUnavailable as error:
            return Result("failed", "source_unavailable", told(str(error)))
        except SourceRefused as error:
            return Result("failed", "source_refused", told(str(error)))

    def _done(self, planned: dict[str, Any], silence_id: str | None) -> Result:
        match planned["do"]:
            case "call":
                return call(planned, self._settings.endpoints[planned["endpoint"]], self._machine)
            case "program":
                return run(planned["argv"], self._settings.programs[planned["program"]], self._machine)
            case "silence":
                return self._silence(planned)
            case "expire_silence":
                return self._expire(silence_id)
            case _:
                return self._ask(planned)

    def _ask(self, planned: Mapping[str, Any]) -> Result:
        values = self._sources.prometheus.values(planned["query"])
        compare = _COMPARE[planned["compare"]]
        holds = all(compare(value, planned["value"]) for value in values) if values else planned["empty"] == "passes"
        facts = {"values": [str(value) for value in values[:20]]}
        shown = ", ".join(facts["values"]) or "no series"
        return Result("done" if holds else "failed", "holds" if holds else "does_not_hold", shown, facts)

    def _silence(self, planned: Mapping[str, Any]) -> Result:
        now = self._clock.now()
        matchers = [Matcher(name, value) for name, value in sorted(planned["matchers"].items())]
        ends_at = now + timedelta(seconds=planned["seconds"])
        made = self._sources.alertmanagers.create_silence(
            matchers, now, ends_at, created_by=CREATED_BY, comment=planned["comment"]
        )
        return Result("done", "silenced", made, {"silence_id": made})

    def _expire(self, silence_id: str | None) -> Result:
        if silence_id is None:
            return Result("failed", "no_silence")
        self._sources.alertmanagers.expire_silence(silence_id)
        return Result("done", "silence_ended", silence_id)
