"""What the sources' answers mean for what is remembered. Pure; each answer has a named reason.

Absence is not resolution: a silenced, inhibited or restarted-away alert vanishes as well. An alert is over when a
Prometheus that is seen to evaluate its rules does not have it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from webhook_receiver.alerts.contract import WATCHDOG
from webhook_receiver.alerts.episode import Remembered
from webhook_receiver.sources.contract import Evaluated, UpstreamAlert

SETTLE = timedelta(minutes=2)
"""A Prometheus that was gone has to evaluate its rules this long before its silence about an alert means anything."""
HELD_BY_A_PEER = timedelta(minutes=5)
"""An Alertmanager that missed a resolution shows the alert as active for four resend delays of a minute, no longer."""
INGEST = ("source", "ingest")
"""Label of the exporters' direct alarms: no rule of Prometheus knows them."""
INGEST_ABSENT = timedelta(minutes=2)
"""The exporters post a lasting alarm every minute: one missing that long is not just a restart of Alertmanager."""


class Evidence(StrEnum):
    """What the source of an alert shows."""

    STANDS = "stands"
    OVER = "over"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Health:
    """What is remembered of Prometheus between two passes."""

    lost_at: datetime | None = None
    """Since when it does not answer, or answers without a Watchdog."""
    back_at: datetime | None = None
    """When it was first seen well after the last loss."""


@dataclass(frozen=True)
class View:
    """What the sources answered in one pass. None: nobody answered."""

    asked_at: datetime
    alerts: Mapping[str, UpstreamAlert] | None
    evaluated: Sequence[Evaluated] | None
    exporters_up: bool
    doubt: str
    """Why Prometheus' silence about an alert proves nothing; empty: it does prove."""
    undelivered_since: datetime | None = None
    """Since when no Alertmanager has given a sign of life; None: one has answered."""
    _by_name: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)
    _exact: set[frozenset[tuple[str, str]]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for one in self.evaluated or ():
            self._by_name.setdefault(one.labels.get("alertname", ""), []).append(one.labels)
            self._exact.add(frozenset(one.labels.items()))

    def evidence(self, labels: Mapping[str, str]) -> Evidence:
        """Return whether an alert stands, by its source."""
        if INGEST not in labels.items():
            if self._evaluates(labels):
                return Evidence.STANDS
        elif not self.exporters_up:
            return Evidence.UNKNOWN
        return Evidence.UNKNOWN if self.doubt else Evidence.OVER

    def why_unknown(self, labels: Mapping[str, str]) -> str:
        """Return the reason of an ``UNKNOWN``."""
        if INGEST in labels.items() and not self.exporters_up:
            return "exporters_do_not_answer"
        return self.doubt

    def _evaluates(self, labels: Mapping[str, str]) -> bool:
        """Whether Prometheus has the alert, firing or pending: every label that both name is the same.

        Not more than that: external labels and relabelling add and drop some on the way to Alertmanager.
        """
        if frozenset(labels.items()) in self._exact:
            return True
        candidates = self._by_name.get(labels.get("alertname", ""), ())
        return any(all(labels.get(name, value) == value for name, value in one.items()) for one in candidates)


def watch(
    health: Health, evaluated: Sequence[Evaluated] | None, *, watchdog_expected: bool, known: bool, now: datetime
) -> Health:
    """Return what is remembered of Prometheus after one more answer (None: it gave none).

    Not ``known``: it has never answered. Then its first answer is no return, as when all starts together.
    """
    well = evaluated is not None and (not watchdog_expected or has_watchdog(evaluated))
    if not well:
        return Health(lost_at=health.lost_at or now) if known else health
    if health.lost_at is not None:
        return Health(back_at=now)
    return health


def doubt_of(health: Health, evaluated: Sequence[Evaluated] | None, now: datetime) -> str:
    """Return why Prometheus' silence about an alert proves nothing; empty when it proves that the alert is over."""
    if evaluated is None:
        return "prometheus_does_not_answer"
    if health.lost_at is not None:
        return "prometheus_shows_no_watchdog"
    if health.back_at is not None and timedelta() <= now - health.back_at < SETTLE:
        return "prometheus_is_back_only_now"
    return ""


def has_watchdog(evaluated: Sequence[Evaluated]) -> bool:
    """Return whether the always-firing alert is among what fires."""
    return any(one.firing and one.labels.get("alertname") == WATCHDOG for one in evaluated)


def watchdog_updated_at(alerts: Mapping[str, UpstreamAlert] | None) -> datetime | None:
    """Return when Alertmanager was last told of the always-firing alert: it repeats it for minutes by itself."""
    spoken = [one.updated_at for one in (alerts or {}).values() if one.labels.get("alertname") == WATCHDOG]
    return max(spoken, default=None)


class Correction(StrEnum):
    """What a pass does with one alert; also the label of the counter, but for ``KEEP``."""

    KEEP = "keep"
    OPENED = "opened"
    """Alertmanager holds it active and we had not heard."""
    SUPPRESSED = "suppressed"
    ACTIVATED = "activated"
    ABSENT = "absent"
    CONFIRMED = "confirmed"
    OLD_NEWS = "old_news"
    ENDED = "ended"
    """Its held resolution is proven."""
    DOUBTED = "doubted"
    STANDS = "stands"
    """Its held resolution is disproved."""
    RECONCILED = "reconciled"
    """Over, and nobody told us."""
    MISSED = "missed"
    UNDELIVERED = "undelivered"
    """It fires in Prometheus, and no Alertmanager is there to say so."""


@dataclass(frozen=True)
class Verdict:
    """A correction and why."""

    correction: Correction
    reason: str


KEPT = Verdict(Correction.KEEP, "agrees")


@dataclass(frozen=True)
class Patience:
    """The spans of ``settings.reconcile`` that the comparison needs."""

    grace: timedelta
    """An alert this young may still be on its way to us, and a closing this young to Alertmanager."""
    undelivered: timedelta
    """After so long without an Alertmanager, what fires in Prometheus is told from there."""
    absent: timedelta
    """Absent in two passes this far apart is absent."""


def judge_open(known: Remembered, view: View, patience: Patience) -> Verdict:
    """Return what a pass does with an open episode."""
    if known.confirm_by is not None:
        return _unconfirmed(known, view)
    if known.resolve_held_at is not None:
        return _held(known, view)
    upstream = None if view.alerts is None else view.alerts.get(known.fingerprint)
    if view.alerts is None or known.last_seen_at > view.asked_at:
        return Verdict(Correction.KEEP, "nothing_newer_is_known")
    if upstream is None:
        return _absent(known, view, patience)
    state = state_of(upstream)
    if state == "active":
        return KEPT if known.upstream == "active" else Verdict(Correction.ACTIVATED, f"was_{known.upstream}")
    return KEPT if known.upstream == state else Verdict(Correction.SUPPRESSED, state)


def _unconfirmed(known: Remembered, view: View) -> Verdict:
    if view.alerts is None or known.first_seen_at > view.asked_at:
        return Verdict(Correction.KEEP, "nobody_has_answered")
    upstream = view.alerts.get(known.fingerprint)
    if upstream is not None:
        state = state_of(upstream)
        active = Verdict(Correction.CONFIRMED, "alertmanager_holds_it_active")
        return active if state == "active" else Verdict(Correction.SUPPRESSED, state)
    if view.evidence(known.labels) is Evidence.STANDS:
        return Verdict(Correction.CONFIRMED, "prometheus_has_it")
    return Verdict(Correction.OLD_NEWS, "alertmanager_does_not_have_it")


def _held(known: Remembered, view: View) -> Verdict:
    if known.resolve_held_at is not None and known.resolve_held_at > view.asked_at:
        return Verdict(Correction.KEEP, "asked_before_it_was_held")
    evidence = view.evidence(known.labels)
    if evidence is Evidence.OVER:
        return Verdict(Correction.ENDED, "its_source_lives_and_does_not_have_it")
    if evidence is Evidence.STANDS:
        return Verdict(Correction.STANDS, "prometheus_has_it")
    return Verdict(Correction.DOUBTED, view.why_unknown(known.labels))


def _absent(known: Remembered, view: View, patience: Patience) -> Verdict:
    if view.asked_at - known.last_seen_at < patience.grace:
        return Verdict(Correction.KEEP, "seen_a_moment_ago")
    needed = max(patience.absent, INGEST_ABSENT) if INGEST in known.labels.items() else patience.absent
    long_absent = known.absent_since is not None and view.asked_at - known.absent_since >= needed
    evidence = view.evidence(known.labels)
    if evidence is Evidence.OVER and long_absent:
        return Verdict(Correction.RECONCILED, "absent_from_alertmanager_and_prometheus")
    if known.absent_since is not None:
        return Verdict(Correction.KEEP, f"absent_{evidence.value}")
    return Verdict(Correction.ABSENT, evidence.value)


def judge_unknown(upstream: UpstreamAlert, last: Remembered | None, view: View, patience: Patience) -> Verdict:
    """Return what a pass does with an alert of Alertmanager's that has no open episode; ``last`` is its closed one."""
    if view.asked_at - upstream.starts_at < patience.grace:
        return Verdict(Correction.KEEP, "on_its_way")
    closed_at = (last.resolved_at or last.last_seen_at) if last else None
    if closed_at is not None:
        if view.asked_at - closed_at < patience.grace:
            return Verdict(Correction.KEEP, "closed_a_moment_ago")
        over = view.evidence(upstream.labels) is Evidence.OVER and INGEST not in upstream.labels.items()
        if over and view.asked_at - closed_at < HELD_BY_A_PEER:
            return Verdict(Correction.KEEP, "held_by_a_peer_only")
    if upstream.suppressed:
        return Verdict(Correction.SUPPRESSED, state_of(upstream))
    return Verdict(Correction.OPENED, "alertmanager_holds_it_active")


def undelivered(view: View, patience: Patience) -> list[Mapping[str, str]]:
    """Return the labels of all that fires in Prometheus, once no Alertmanager has been there to deliver it for long.

    What is silenced or inhibited cannot be known then: a page too many rather than one too few.
    """
    since = view.undelivered_since
    if view.evaluated is None or since is None or view.asked_at - since < patience.undelivered:
        return []
    return [one.labels for one in view.evaluated if one.firing and one.labels.get("alertname") != WATCHDOG]


def state_of(upstream: UpstreamAlert) -> str:
    """Return an alert's state as it is kept: ``active``, ``silenced``, ``inhibited`` or ``muted``."""
    if not upstream.suppressed:
        return "active"
    if upstream.silenced_by:
        return "silenced"
    return "inhibited" if upstream.inhibited_by else "muted"
