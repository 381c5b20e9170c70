"""Who may sleep, and until when."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.suppression.rules import LONGEST, RULE, WINDOW, Cover, judge, wrong_span
from wedsync_core.severity import Severity

PHOTOS = {"alertname": "WorkflowSlow", "service": "photos", "region": "london"}
PAYMENT = {"alertname": "WorkflowSlow", "service": "payment", "region": "london"}
IN_AN_HOUR, IN_TWO = SATURDAY + timedelta(hours=1), SATURDAY + timedelta(hours=2)


def window(
    name: str = "1", *, up_to: Severity = Severity.MEDIUM, until: datetime | None = IN_AN_HOUR, **match: str
) -> Cover:
    return Cover(WINDOW, name, match or {"service": "photos"}, up_to, "new disks", until)


def rule(*, up_to: Severity = Severity.CRITICAL, **match: str) -> Cover:
    return Cover(RULE, "known", match or {"service": "photos"}, up_to, "a known fault", None)


def asleep(alerts: list[dict[str, str]], severity: Severity, *covers: Cover, wedding: bool = False) -> str:
    judged = judge(alerts, severity, on_wedding_day=wedding, covers=covers)
    return f"{judged.suppressed.kind} {judged.suppressed.name}" if judged.suppressed else judged.reason


def test_a_window_covers_what_it_names_and_nothing_else() -> None:
    assert asleep([PHOTOS], Severity.LOW, window()) == "window 1"
    assert asleep([PAYMENT], Severity.LOW, window()) == "not_covered"
    assert asleep([PHOTOS], Severity.LOW, window(service="photos", region="sydney")) == "not_covered"
    assert asleep([PHOTOS], Severity.LOW) == "not_covered"


def test_anything_more_severe_than_agreed_wakes_people() -> None:
    assert asleep([PHOTOS], Severity.MEDIUM, window()) == "window 1"
    assert asleep([PHOTOS], Severity.HIGH, window()) == "more_severe"


def test_a_rule_never_covers_a_critical_incident_on_a_wedding_day_but_a_window_may() -> None:
    assert asleep([PHOTOS], Severity.CRITICAL, rule()) == "rule known"
    assert asleep([PHOTOS], Severity.CRITICAL, rule(), wedding=True) == "critical_on_wedding_day"
    assert asleep([PHOTOS], Severity.HIGH, rule(), wedding=True) == "rule known"
    assert asleep([PHOTOS], Severity.CRITICAL, window(up_to=Severity.CRITICAL), wedding=True) == "window 1"
    assert asleep([PHOTOS], Severity.CRITICAL, window(), wedding=True) == "more_severe"


def test_every_alert_must_be_covered() -> None:
    both = [PHOTOS, PAYMENT]
    assert asleep(both, Severity.LOW, window()) == "not_covered"
    late = window("2", until=IN_TWO, service="payment")
    judged = judge(both, Severity.LOW, on_wedding_day=False, covers=[late, window()])
    assert judged.suppressed is not None
    assert judged.suppressed.until == IN_AN_HOUR, "the first that will be uncovered"


def test_of_two_windows_the_later_end_counts_and_a_rule_outlasts_both() -> None:
    assert asleep([PHOTOS], Severity.LOW, window(), window("2", until=IN_TWO)) == "window 2"
    assert asleep([PHOTOS], Severity.LOW, window(), rule(), window("2", until=IN_TWO)) == "rule known"


def test_an_incident_of_no_alert_at_all_wakes_people() -> None:
    assert asleep([], Severity.LOW, window(), rule()) == "no_alert"


@pytest.mark.parametrize(
    ("starts", "ends", "field"),
    [
        (timedelta(0), timedelta(0), "ends_at"),
        (timedelta(hours=-2), timedelta(hours=-1), "ends_at"),
        (timedelta(0), LONGEST + timedelta(seconds=1), "ends_at"),
        (timedelta(0), LONGEST, None),
        (timedelta(days=60), timedelta(days=60) + LONGEST, None),
    ],
)
def test_the_time_of_a_window(starts: timedelta, ends: timedelta, field: str | None) -> None:
    problem = wrong_span(SATURDAY + starts, SATURDAY + ends, SATURDAY)
    assert (problem.field if problem else None) == field


_LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)
_COVERS = st.builds(
    Cover,
    kind=st.sampled_from([WINDOW, RULE]),
    name=st.sampled_from(["1", "2"]),
    match=st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), min_size=1, max_size=2),
    up_to=st.sampled_from(Severity),
    reason=st.just("r"),
    until=st.sampled_from([None, IN_AN_HOUR, IN_TWO]),
)


@given(
    st.lists(_LABELS, max_size=4),
    st.sampled_from(Severity),
    st.booleans(),
    st.lists(_COVERS, max_size=4),
)
def test_nobody_sleeps_through_what_no_cover_of_that_severity_names(
    alerts: list[dict[str, str]], severity: Severity, wedding: bool, covers: list[Cover]
) -> None:
    judged = judge(alerts, severity, on_wedding_day=wedding, covers=covers)
    if judged.suppressed is None:
        return
    for labels in alerts:
        assert any(
            cover.match.items() <= labels.items()
            and severity.rank <= cover.up_to.rank
            and not (cover.kind == RULE and wedding and severity is Severity.CRITICAL)
            for cover in covers
        )
    worse = judge([*alerts, {"stranger": "yes"}], severity, on_wedding_day=wedding, covers=covers)
    assert worse.suppressed is None
