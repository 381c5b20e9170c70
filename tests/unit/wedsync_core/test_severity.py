"""One row per rule of severity, and what can never happen."""

from datetime import datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY, TUESDAY
from wedsync_core.season import Region, RegionFacts, WeddingIndex, facts
from wedsync_core.severity import Severity, SeveritySettings, Signal, WeddingImpact, affected_workflows, classify

REGIONS = [Region("london", "Europe/London"), Region("auckland", "Pacific/Auckland", "south")]
JUNE_WEDNESDAY = datetime.fromisoformat("2026-06-10T10:00:00+00:00")
NOVEMBER_TUESDAY = datetime.fromisoformat("2026-11-24T10:00:00+00:00")


def calendar(now: datetime) -> dict[str, RegionFacts]:
    return facts(now, REGIONS, WeddingIndex())


def signal(**changes: object) -> Signal:
    values: dict[str, object] = {"service": "photos", "type": "service_failure", "regions": frozenset({"london"})}
    return Signal(**{**values, **changes})  # type: ignore[arg-type]


UPLOADS = frozenset({"photo_upload"})

ON_WEDDING_DAY = "wedding_workflow_on_wedding_day"
IN_PEAK = "degradation_in_peak_season"
SLOW = signal(type="performance_degradation")

ROWS = [
    ("Saturday, a wedding workflow", SATURDAY, signal(affects=UPLOADS), "critical", ON_WEDDING_DAY),
    ("all workflows by one name", SATURDAY, signal(affects={"wedding_workflows"}), "critical", ON_WEDDING_DAY),
    ("Saturday, but nothing of weddings", SATURDAY, signal(service="search"), "low", "nothing_above"),
    ("Saturday degradation is never lower for being Saturday", SATURDAY, SLOW, "high", IN_PEAK),
    ("peak season degradation on a weekday", JUNE_WEDNESDAY, SLOW, "high", IN_PEAK),
    ("payment failure on an ordinary day", TUESDAY, signal(service="payment"), "high", "payment_failure"),
    ("uploads lost on an ordinary day", TUESDAY, signal(type="data_loss", affects=UPLOADS), "high", "uploads_lost"),
    ("degradation on an ordinary day", TUESDAY, SLOW, "medium", "degradation"),
    ("anything else", TUESDAY, signal(), "low", "nothing_above"),
]


@pytest.mark.parametrize(("now", "seen", "severity", "rule"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_first_rule_that_matches_decides(now: datetime, seen: Signal, severity: str, rule: str) -> None:
    decision = classify(seen, calendar(now))

    assert (decision.severity.value, decision.rule) == (severity, rule)
    assert decision.reasons


def test_saturday_is_the_venues_own() -> None:
    """Friday 14:00 UTC is Saturday 02:00 in Auckland and still Friday in London."""
    friday_afternoon = datetime.fromisoformat("2026-06-12T14:00:00+00:00")
    here = classify(signal(affects=UPLOADS), calendar(friday_afternoon))
    there = classify(signal(affects=UPLOADS, regions=frozenset({"auckland"})), calendar(friday_afternoon))

    assert (here.severity, there.severity) == (Severity.LOW, Severity.CRITICAL)


@pytest.mark.parametrize("regions", [frozenset(), frozenset({"atlantis"}), frozenset({"london", "atlantis"})])
def test_not_knowing_where_means_everywhere(regions: frozenset[str]) -> None:
    friday_afternoon = datetime.fromisoformat("2026-06-12T14:00:00+00:00")

    assert classify(signal(affects=UPLOADS, regions=regions), calendar(friday_afternoon)).severity is Severity.CRITICAL


def test_a_rule_that_says_critical_is_never_less_than_high() -> None:
    decision = classify(signal(rule_severity="critical"), calendar(TUESDAY))

    assert decision.severity is Severity.HIGH
    assert "the alert rule itself says critical, which is never less than high" in decision.reasons


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"affected_users": 100}, "raised one level: 100 users affected, 100 are many"),
        ({"hours_to_affected_wedding": 12.0}, "raised one level: an affected wedding begins in 12.0 h"),
    ],
)
def test_many_users_and_a_near_wedding_raise_one_level(changes: dict[str, object], said: str) -> None:
    plain = classify(signal(type="performance_degradation"), calendar(TUESDAY))
    raised = classify(signal(type="performance_degradation", **changes), calendar(TUESDAY))

    assert (plain.severity, raised.severity) == (Severity.MEDIUM, Severity.HIGH)
    assert said in raised.reasons


def test_the_impact_on_weddings_is_told_apart_from_the_severity() -> None:
    assert classify(signal(affects=UPLOADS), calendar(SATURDAY)).wedding_impact is WeddingImpact.HIGH
    assert classify(signal(affects=UPLOADS), calendar(JUNE_WEDNESDAY)).wedding_impact is WeddingImpact.MEDIUM
    assert classify(signal(affects=UPLOADS), calendar(NOVEMBER_TUESDAY)).wedding_impact is WeddingImpact.LOW
    assert classify(signal(service="payment"), calendar(SATURDAY)).wedding_impact is WeddingImpact.NONE


moments = st.datetimes(datetime(2024, 1, 1), datetime(2031, 12, 31)).map(lambda m: m.replace(tzinfo=SATURDAY.tzinfo))  # noqa: DTZ001 -- made aware at once
signals = st.builds(
    Signal,
    service=st.sampled_from(["photos", "payment", "search"]),
    type=st.sampled_from(["service_failure", "performance_degradation", "data_loss", "error_spike", "odd"]),
    affects=st.sets(st.sampled_from(["photo_upload", "payment", "wedding_workflows", "odd"])).map(frozenset),
    regions=st.sets(st.sampled_from(["london", "auckland", "atlantis"])).map(frozenset),
    rule_severity=st.sampled_from([None, "critical", "warning"]),
)


@given(now=moments, seen=signals, users=st.integers(0, 1000), hours=st.none() | st.floats(0, 500))
def test_more_users_and_nearer_weddings_never_lower_a_severity(
    now: datetime, seen: Signal, users: int, hours: float | None
) -> None:
    touched = Signal(**{**vars(seen), "affected_users": users, "hours_to_affected_wedding": hours})

    plain, raised = classify(seen, calendar(now)), classify(touched, calendar(now))

    assert 0 <= raised.severity.rank - plain.severity.rank <= 1


@given(now=moments, seen=signals)
def test_the_decision_is_stored_with_all_that_it_was_made_from(now: datetime, seen: Signal) -> None:
    stored = classify(seen, calendar(now), SeveritySettings(weddings_needed=2)).as_json()

    assert stored["inputs"]["service"] == seen.service
    assert stored["inputs"]["weddings_needed"] == 2
    assert stored["inputs"]["calendar"]


def test_severities_order_and_names() -> None:
    ranked = sorted(Severity, key=lambda severity: severity.rank)
    assert [severity.value for severity in ranked] == ["low", "medium", "high", "critical"]
    for lower, higher in product(Severity, Severity):
        if lower.rank + 1 == higher.rank:
            assert lower.raised() is higher
    assert Severity.CRITICAL.raised() is Severity.CRITICAL


def test_affects_is_read_from_a_list_and_from_commas() -> None:
    assert affected_workflows(" photo_upload, payment ,,") == affected_workflows(["photo_upload", "payment"])
