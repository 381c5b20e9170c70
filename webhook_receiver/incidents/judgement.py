"""Several judgements of one incident: which of them counts, what it was judged by, when to judge anew. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from wedsync_core.season import RegionFacts
from wedsync_core.severity import Decision, Severity, Signal

JUDGED_AT_LEAST_EVERY = timedelta(minutes=15)
"""The calendar says when it changes next, should the list of weddings stay as it is: one may be added meanwhile."""


def gravest(decisions: Iterable[Decision]) -> Decision:
    """Return the decision that counts: of several alerts each is judged by its own facts, never by a mixture.

    A slow page in Sydney and a failing upload in London do not make a failing upload in Sydney.
    """
    return max(decisions, key=lambda one: (one.severity.rank, one.on_wedding_day, one.wedding_impact.rank))


def outranks(decision: Decision, severity: str) -> bool:
    """Return whether a decision is graver than the severity an incident has: it can only rise."""
    return decision.severity.rank > Severity(severity).rank


def next_judgement_at(signals: Iterable[Signal], calendar: Mapping[str, RegionFacts], now: datetime) -> datetime:
    """Return when an incident is to be judged again: at the next change in a region it may affect."""
    concerned = [
        facts
        for signal in signals
        for facts in (
            (calendar[name] for name in signal.regions)
            if signal.regions and signal.regions <= calendar.keys()
            else calendar.values()
        )
    ]
    return min([facts.next_change_at for facts in concerned] + [now + JUDGED_AT_LEAST_EVERY])


def signal_of_inputs(inputs: Mapping[str, Any]) -> Signal:
    """Return the signal that a stored decision was made from."""
    return Signal(
        service=inputs["service"],
        type=inputs["type"],
        affects=frozenset(inputs["affects"]),
        regions=frozenset(inputs["regions"]),
        rule_severity=inputs["rule_severity"],
        affected_users=inputs["affected_users"],
        hours_to_affected_wedding=inputs["hours_to_affected_wedding"],
    )


def inputs_of_signal(signal: Signal) -> dict[str, Any]:
    """Return a signal as it is stored; ``signal_of_inputs`` reads it back."""
    return {
        "service": signal.service,
        "type": signal.type,
        "affects": sorted(signal.affects),
        "regions": sorted(signal.regions),
        "rule_severity": signal.rule_severity,
        "affected_users": signal.affected_users,
        "hours_to_affected_wedding": signal.hours_to_affected_wedding,
    }
