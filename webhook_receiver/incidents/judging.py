"""Judge an incident, and judge it anew: when an alert joins it, and when a wedding window opens. It can only rise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhook_receiver.incidents import store
from webhook_receiver.incidents.classification import signal_of_alert
from webhook_receiver.incidents.incident import EventKind, Status
from webhook_receiver.incidents.judgement import gravest, next_judgement_at, outranks, signal_of_inputs
from webhook_receiver.incidents.record import Parts, PolicySnapshot, Record
from webhook_receiver.incidents.report import Report
from wedsync_core.redaction import redact, redact_text
from wedsync_core.season import RegionFacts
from wedsync_core.severity import Decision, Signal, WeddingImpact, classify
from wedsync_core.storage import Transaction


@dataclass(frozen=True)
class Judged:
    """A decision, the policy it leads to, and the calendar it was made by."""

    decision: Decision
    policy: PolicySnapshot
    calendar: Mapping[str, RegionFacts]
    next_at: datetime


class Judging(Record):
    """Decides how grave an incident is and makes it graver."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._latest: tuple[tuple[tuple[Signal, ...], datetime], Judged] | None = None

    def judge(self, signals: Iterable[Signal], moment: datetime) -> Judged:
        """Return what the gravest of ``signals`` comes to by the calendar of a moment."""
        known = tuple(signals)
        latest = self._latest
        if latest is not None and latest[0] == (known, moment):
            return latest[1]  # an alert is judged several times on its way into an incident
        calendar = self._parts.calendar(moment)
        decision = gravest(classify(signal, calendar, self._parts.limits) for signal in known)
        policy = self._parts.choose_policy(decision)
        judged = Judged(decision, policy, calendar, next_judgement_at(known, calendar, moment))
        self._latest = ((known, moment), judged)
        return judged

    def would_sleep(self, transaction: Transaction, report: Report, now: datetime) -> bool:
        """Return whether something keeps people asleep for what is reported."""
        decision = self.judge([report.signal], now).decision
        return self._parts.suppression(transaction, report, decision, now) is not None

    def judge_again(self, transaction: Transaction, row: Any, now: datetime) -> bool:
        """Judge an incident that is not over by the calendar of now; returns whether it rose. ``row`` is held."""
        judged = self.judge(self.signals_of(transaction, row), now)
        store.plan_judgement(transaction, row.id, judged.next_at)
        return self.rise(transaction, row, judged, cause="the calendar of an affected region", now=now)

    def signals_of(self, transaction: Transaction, row: Any) -> list[Signal]:
        """Return what an incident is judged by: its alerts that fire, and what people reported. Never none."""
        reported = [signal_of_inputs(one) for one in (row.correlation or {}).get("reported", ())]
        firing = [signal_of_alert(labels) for labels in store.firing_labels(transaction, row.id)]
        return [*reported, *firing] or [signal_of_inputs(row.decision["inputs"])]

    def would_rise(self, row: Any, judged: Judged) -> bool:
        """Return whether ``judged`` is graver than what an incident (its row) is, or calls for a graver policy."""
        decision = judged.decision
        other_policy = judged.policy["name"] != row.escalation_policy
        turned = decision.severity.value == row.severity and _day_began(decision, row) and other_policy
        return turned or outranks(decision, row.severity)

    def rise(self, transaction: Transaction, row: Any, judged: Judged, *, cause: str, now: datetime) -> bool:
        """Make an incident as grave as ``judged``; returns whether that is graver than it was. It never falls.

        Where another policy applies, or somebody had acknowledged, the policy begins at its first step at once;
        otherwise it keeps its course and those who were told are told how grave it has become.
        """
        if not self.would_rise(row, judged):
            return False
        decision, policy = judged.decision, judged.policy
        risen = outranks(decision, row.severity)
        other_policy = policy["name"] != row.escalation_policy
        values: dict[str, Any] = {
            "severity": decision.severity.value,
            "severity_rank": decision.severity.rank,
            **_impact(decision, row),
            "decision": redact(decision.as_json()),
        }
        begins = other_policy or row.status != Status.OPEN.value
        if begins:
            values |= {
                "status": Status.OPEN.value,
                "acknowledgement_expires_at": None,
                "escalation_policy": policy["name"],
                # The same policy is kept as it was when the incident opened.
                "policy": dict(policy) if other_policy else row.policy,
                "current_escalation_level": 0,
                "escalation_cycle": row.escalation_cycle + 1,
                "next_escalation_at": now,
            }
        asleep = row.suppressed_by is not None
        if asleep:
            # What keeps people asleep is judged by its own room, which looks at every incident that has changed.
            values["next_escalation_at"] = row.next_escalation_at
        store.update_incident(transaction, row.id, values, now)
        detail = {
            "old": row.severity,
            "new": decision.severity.value,
            "cause": cause,
            "rule": decision.rule,
            "reasons": [redact_text(reason) for reason in decision.reasons],
            "policy": values.get("escalation_policy", row.escalation_policy),
        }
        kind = EventKind.SEVERITY_RAISED if risen else EventKind.POLICY_CHANGED
        self._log(transaction, row.id, kind, detail, actor="receiver", now=now)
        self._parts.metrics.raised.labels(decision.severity.value).inc()
        if not begins and not asleep and row.current_escalation_level > 0:
            self._parts.tell_again(transaction, self.held(transaction, row.id), now)
        return True


def _day_began(decision: Decision, row: Any) -> bool:
    return decision.on_wedding_day and not row.decision["on_wedding_day"]


def _impact(decision: Decision, row: Any) -> dict[str, Any]:
    impact = max(decision.wedding_impact, WeddingImpact(row.wedding_impact), key=lambda one: one.rank)
    return {"wedding_impact": impact.value, "wedding_impact_rank": impact.rank}
