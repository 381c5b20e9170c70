"""What the sources' answers prove, and what they do not."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.alerts.comparison import (
    SETTLE,
    Correction,
    Evidence,
    Health,
    Patience,
    View,
    doubt_of,
    judge_open,
    judge_unknown,
    watch,
)
from webhook_receiver.alerts.episode import Remembered
from webhook_receiver.sources.contract import Evaluated, UpstreamAlert

NOW = SATURDAY + timedelta(hours=1)
LABELS = {"alertname": "WorkflowFailing", "region": "london"}
PATIENCE = Patience(grace=timedelta(seconds=45), undelivered=timedelta(minutes=2), absent=timedelta(seconds=15))
WATCHDOG = Evaluated({"alertname": "Watchdog"}, firing=True)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


KNOWN = Remembered(1, "abc", True, LABELS, {}, SATURDAY, (SATURDAY,), SATURDAY, ago(minutes=5), incident_id=1)
UPSTREAM = UpstreamAlert("abc", LABELS, {}, SATURDAY, None, NOW, "active", (), (), (), ("receiver",), "")
SILENCED = replace(UPSTREAM, state="suppressed", silenced_by=("s",))


def view(*upstream: UpstreamAlert, fires: tuple[Evaluated, ...] = (), **changes: Any) -> View:
    facts: dict[str, Any] = {
        "asked_at": NOW,
        "alerts": {one.fingerprint: one for one in upstream},
        "evaluated": [WATCHDOG, *fires],
        "exporters_up": True,
        "doubt": "",
    }
    return View(**{**facts, **changes})


FIRES = Evaluated(LABELS, firing=True)
SILENT: dict[str, Any] = {"evaluated": None, "doubt": "prometheus_does_not_answer"}
HELD = replace(KNOWN, resolve_held_at=ago(seconds=1))
UNCONFIRMED = replace(KNOWN, confirm_by=NOW, first_seen_at=ago(seconds=1))
ABSENT = replace(KNOWN, upstream="absent", absent_since=ago(seconds=30))
INGEST = replace(ABSENT, labels={**LABELS, "source": "ingest"})


@pytest.mark.parametrize(
    ("known", "seen", "correction", "reason"),
    [
        (KNOWN, view(UPSTREAM), Correction.KEEP, "agrees"),
        (KNOWN, view(SILENCED), Correction.SUPPRESSED, "silenced"),
        (replace(KNOWN, upstream="silenced"), view(SILENCED), Correction.KEEP, "agrees"),
        (replace(KNOWN, upstream="silenced"), view(UPSTREAM), Correction.ACTIVATED, "was_silenced"),
        (KNOWN, view(alerts=None), Correction.KEEP, "nothing_newer_is_known"),
        (replace(KNOWN, last_seen_at=NOW + SETTLE), view(), Correction.KEEP, "nothing_newer_is_known"),
        (replace(KNOWN, last_seen_at=ago(seconds=44)), view(), Correction.KEEP, "seen_a_moment_ago"),
        (KNOWN, view(), Correction.ABSENT, "over"),
        (KNOWN, view(fires=(FIRES,)), Correction.ABSENT, "stands"),
        (KNOWN, view(**SILENT), Correction.ABSENT, "unknown"),
        (ABSENT, view(), Correction.RECONCILED, "absent_from_alertmanager_and_prometheus"),
        (ABSENT, view(fires=(FIRES,)), Correction.KEEP, "absent_stands"),
        (ABSENT, view(fires=(replace(FIRES, firing=False),)), Correction.KEEP, "absent_stands"),
        (ABSENT, view(**SILENT), Correction.KEEP, "absent_unknown"),
        (replace(ABSENT, absent_since=ago(seconds=14)), view(), Correction.KEEP, "absent_over"),
        (INGEST, view(), Correction.KEEP, "absent_over"),
        (replace(INGEST, absent_since=ago(minutes=3)), view(), Correction.RECONCILED, "absent_from_"),
        (replace(INGEST, absent_since=ago(minutes=3)), view(exporters_up=False), Correction.KEEP, "absent_unknown"),
        (HELD, view(), Correction.ENDED, "its_source_lives_and_does_not_have_it"),
        (HELD, view(alerts=None), Correction.ENDED, "its_source_lives_and_does_not_have_it"),
        (HELD, view(fires=(FIRES,)), Correction.STANDS, "prometheus_has_it"),
        (HELD, view(**SILENT), Correction.DOUBTED, "prometheus_does_not_answer"),
        (replace(HELD, resolve_held_at=NOW + SETTLE), view(), Correction.KEEP, "asked_before_it_was_held"),
        (replace(HELD, labels=INGEST.labels), view(exporters_up=False), Correction.DOUBTED, "exporters_do_not_answer"),
        (UNCONFIRMED, view(UPSTREAM), Correction.CONFIRMED, "alertmanager_holds_it_active"),
        (UNCONFIRMED, view(SILENCED), Correction.SUPPRESSED, "silenced"),
        (UNCONFIRMED, view(), Correction.OLD_NEWS, "alertmanager_does_not_have_it"),
        (UNCONFIRMED, view(fires=(FIRES,)), Correction.CONFIRMED, "prometheus_has_it"),
        (UNCONFIRMED, view(alerts=None), Correction.KEEP, "nobody_has_answered"),
        (replace(UNCONFIRMED, first_seen_at=NOW + SETTLE), view(), Correction.KEEP, "nobody_has_answered"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_open_episode(known: Remembered, seen: View, correction: Correction, reason: str) -> None:
    verdict = judge_open(known, seen, PATIENCE)

    assert verdict.correction is correction
    assert verdict.reason.startswith(reason)


CLOSED = replace(KNOWN, firing=False, resolved_at=ago(minutes=2))


@pytest.mark.parametrize(
    ("upstream", "last", "seen", "correction", "reason"),
    [
        (UPSTREAM, None, view(), Correction.OPENED, "alertmanager_holds_it_active"),
        (SILENCED, None, view(), Correction.SUPPRESSED, "silenced"),
        (replace(UPSTREAM, starts_at=ago(seconds=44)), None, view(), Correction.KEEP, "on_its_way"),
        (UPSTREAM, replace(CLOSED, resolved_at=ago(seconds=9)), view(), Correction.KEEP, "closed_a_moment_ago"),
        (UPSTREAM, CLOSED, view(), Correction.KEEP, "held_by_a_peer_only"),
        (UPSTREAM, CLOSED, view(fires=(FIRES,)), Correction.OPENED, "alertmanager_holds_it_active"),
        (UPSTREAM, CLOSED, view(**SILENT), Correction.OPENED, "alertmanager_holds_it_active"),
        (UPSTREAM, replace(CLOSED, resolved_at=ago(minutes=6)), view(), Correction.OPENED, "alertmanager_holds_"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_alert_without_an_open_episode(
    upstream: UpstreamAlert, last: Remembered | None, seen: View, correction: Correction, reason: str
) -> None:
    verdict = judge_unknown(upstream, last, seen, PATIENCE)

    assert verdict.correction is correction
    assert verdict.reason.startswith(reason)


evaluations = st.none() | st.lists(st.sampled_from([WATCHDOG, FIRES, replace(FIRES, firing=False)]), max_size=3)
remembered = st.builds(
    replace,
    st.sampled_from([KNOWN, HELD, UNCONFIRMED, ABSENT, INGEST]),
    upstream=st.sampled_from(["active", "silenced", "absent"]),
    absent_since=st.none() | st.integers(0, 900).map(lambda seconds: ago(seconds=seconds)),
)


@given(remembered, evaluations, st.booleans(), st.booleans(), st.sampled_from([(), (UPSTREAM,), (SILENCED,)]))
def test_nothing_that_was_told_ends_without_evidence(
    known: Remembered,
    evaluated: list[Evaluated] | None,
    exporters_up: bool,
    reachable: bool,
    upstream: tuple[UpstreamAlert, ...],
) -> None:
    doubt = doubt_of(Health(), evaluated, NOW)
    seen = view(*upstream, evaluated=evaluated, exporters_up=exporters_up, doubt=doubt)
    seen = seen if reachable else replace(seen, alerts=None)
    correction = judge_open(known, seen, PATIENCE).correction

    if correction in {Correction.ENDED, Correction.RECONCILED}:
        assert seen.evidence(known.labels) is Evidence.OVER
        assert not any(one.labels == LABELS for one in evaluated or ()) or known.labels != LABELS
    if correction is Correction.OLD_NEWS:
        assert known.confirm_by is not None


def test_a_prometheus_that_was_gone_has_to_settle() -> None:
    health, expected = Health(), {"watchdog_expected": True, "known": True}
    health = watch(health, None, now=ago(minutes=10), **expected)
    assert health.lost_at == ago(minutes=10)
    health = watch(health, [], now=ago(minutes=9), **expected)
    assert health.lost_at == ago(minutes=10), "it answers, and shows no Watchdog"
    assert doubt_of(health, [], ago(minutes=9)) == "prometheus_shows_no_watchdog"

    health = watch(health, [WATCHDOG], now=ago(minutes=8), **expected)
    assert doubt_of(health, [WATCHDOG], ago(minutes=8)) == "prometheus_is_back_only_now"
    health = watch(health, [WATCHDOG], now=ago(minutes=7), **expected)
    assert doubt_of(health, [WATCHDOG], ago(minutes=7)) == "prometheus_is_back_only_now"
    assert doubt_of(health, [WATCHDOG], ago(minutes=8) + SETTLE) == ""


def test_what_has_never_answered_does_not_come_back() -> None:
    health = watch(Health(), None, watchdog_expected=False, known=False, now=ago(minutes=1))

    assert health == Health()
    assert doubt_of(health, None, NOW) == "prometheus_does_not_answer"
    assert doubt_of(watch(health, [WATCHDOG], watchdog_expected=True, known=False, now=NOW), [WATCHDOG], NOW) == ""
