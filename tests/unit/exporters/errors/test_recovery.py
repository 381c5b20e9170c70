"""When a group has recovered: never by silence alone."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.errors.recovery import (
    SPANS,
    Place,
    Reason,
    Silence,
    Successes,
    judge_recovery,
    needed_silence,
    span_of,
)
from tests.cast import SATURDAY
from wedsync_core.season import Region, WeddingIndex, facts

REGIONS = (Region("london", "Europe/London", "north"), Region("sydney", "Australia/Sydney", "south"))
TUESDAY_NOON = SATURDAY + timedelta(days=3)
UPLOAD = Place("photos", "/albums/<album>/photos", "london", ("photo_upload",))
ROUTE = Place("booking", "/quotes", "", ())


def judged(
    places: list[Place],
    successes: Successes | None,
    *,
    quiet: timedelta = timedelta(minutes=11),
    gap: timedelta = timedelta(),
    now: datetime = TUESDAY_NOON,
) -> Reason:
    seen = None if successes is None else dict.fromkeys(SPANS, successes)
    silence = Silence(now - quiet, gap)
    return judge_recovery(silence, places, seen, facts(now, REGIONS, WeddingIndex()), now).reason


def worked(**counts: float) -> Successes:
    return Successes({("photo_upload", region): count for region, count in counts.items()})


def test_silent_and_seen_to_work_it_has_recovered() -> None:
    assert judged([UPLOAD], worked(london=5)) is Reason.RECOVERED
    assert judged([ROUTE], Successes(routes={("booking", "/quotes"): 40})) is Reason.RECOVERED


def test_silence_alone_proves_nothing() -> None:
    assert judged([UPLOAD], worked(), quiet=timedelta(days=3)) is Reason.NO_TRAFFIC
    assert judged([UPLOAD], worked(london=4.9)) is Reason.NO_TRAFFIC


def test_traffic_elsewhere_proves_nothing() -> None:
    assert judged([UPLOAD], worked(sydney=500)) is Reason.NO_TRAFFIC
    assert judged([ROUTE], Successes(routes={("booking", "/venues"): 40})) is Reason.NO_TRAFFIC


def test_traffic_while_it_still_fails_proves_nothing() -> None:
    assert judged([UPLOAD], worked(london=500), quiet=timedelta(minutes=9)) is Reason.NOT_SILENT


def test_an_error_of_once_an_hour_is_not_over_after_ten_minutes() -> None:
    hourly = timedelta(hours=1)
    assert judged([UPLOAD], worked(london=500), gap=hourly) is Reason.NOT_SILENT
    assert judged([UPLOAD], worked(london=500), gap=hourly, quiet=timedelta(hours=6)) is Reason.RECOVERED


def test_without_prometheus_nothing_recovers() -> None:
    assert judged([UPLOAD], None, quiet=timedelta(days=6)) is Reason.NO_PROMETHEUS


def test_a_report_that_names_no_place_cannot_be_proved_over() -> None:
    assert judged([Place("photos", "", "")], worked(london=500)) is Reason.NOWHERE
    assert judged([UPLOAD, Place("photos", "", "")], worked(london=500)) is Reason.NOWHERE
    assert judged([], worked(london=500)) is Reason.NOWHERE


def test_every_place_has_to_work() -> None:
    both = [UPLOAD, ROUTE]
    assert judged(both, worked(london=9)) is Reason.NO_TRAFFIC
    assert judged(both, Successes({("photo_upload", "london"): 9}, {("booking", "/quotes"): 9})) is Reason.RECOVERED


def test_while_a_wedding_window_is_open_its_own_region_has_to_be_seen_working() -> None:
    somewhere = Place("photos", "", "", ("photo_upload",))
    assert judged([somewhere], worked(lisbon=9), now=TUESDAY_NOON) is Reason.RECOVERED
    # Saturday afternoon in London, past midnight in Sydney's night after Saturday: both windows are open.
    assert judged([somewhere], worked(london=9), now=SATURDAY) is Reason.NO_TRAFFIC_IN_WINDOW
    assert judged([somewhere], worked(london=9, sydney=9), now=SATURDAY) is Reason.RECOVERED
    assert judged([UPLOAD], worked(), now=SATURDAY, quiet=timedelta(days=2)) is Reason.NO_TRAFFIC_IN_WINDOW


@given(
    quiet=st.timedeltas(timedelta(), timedelta(days=9)),
    gap=st.timedeltas(timedelta(), timedelta(days=2)),
)
def test_successes_are_counted_only_after_the_last_error(quiet: timedelta, gap: timedelta) -> None:
    silence = Silence(SATURDAY - quiet, gap)
    span = span_of(silence, SATURDAY)
    if span is not None:
        assert span < quiet
        assert quiet >= needed_silence(silence)


@given(st.timedeltas(timedelta(), timedelta(days=30)))
def test_no_silence_is_long_enough_by_itself(quiet: timedelta) -> None:
    assert judged([UPLOAD, ROUTE], Successes(), quiet=quiet) is not Reason.RECOVERED


@pytest.mark.parametrize(("gap", "needed"), [(0, 600), (60, 600), (300, 1500), (10**6, 86_400)])
def test_five_usual_gaps_and_ten_minutes_at_least(gap: int, needed: int) -> None:
    assert needed_silence(Silence(SATURDAY, timedelta(seconds=gap))) == timedelta(seconds=needed)
