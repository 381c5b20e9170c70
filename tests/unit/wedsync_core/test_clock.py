"""Time comes in aware, in UTC, or not at all."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cast import SATURDAY
from tests.fakes import FakeClock
from wedsync_core.clock import NO_END, Clock, SystemClock, format_timestamp, parse_timestamp, require_aware


def test_the_system_clock_tells_utc_and_never_runs_backwards() -> None:
    clock: Clock = SystemClock()
    assert clock.now().utcoffset() == timedelta()
    first, second = clock.monotonic(), clock.monotonic()
    assert second >= first


def test_a_naive_moment_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="starts_at has no time zone"):
        require_aware(datetime(2026, 6, 13, 15, 0), "starts_at")  # noqa: DTZ001 - naive is what is being refused


def test_a_moment_with_an_offset_becomes_utc() -> None:
    in_new_york = datetime(2026, 6, 13, 10, 0, tzinfo=timezone(timedelta(hours=-4)))
    moment = require_aware(in_new_york, "starts_at")
    assert moment == SATURDAY
    assert moment.tzinfo is UTC


def test_a_moment_before_the_calendar_is_refused() -> None:
    too_early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    with pytest.raises(ValueError, match="ends_at is outside the calendar"):
        require_aware(too_early, "ends_at")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-13T14:00:00Z", SATURDAY),
        ("2026-06-13t14:00:00z", SATURDAY),
        ("2026-06-13 10:00:00-04:00", SATURDAY),
        ("2026-06-14T00:00:00+10:00", SATURDAY),
        ("2026-06-13T14:00:00.5Z", SATURDAY + timedelta(milliseconds=500)),
        ("2026-06-13T14:00:00.123456789Z", SATURDAY + timedelta(microseconds=123456)),
        ("2026-06-13T14:00:00.000000999Z", SATURDAY),
        ("0001-01-01T00:00:00Z", NO_END),
        ("9999-12-31T23:59:59.999999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2024-02-29T00:00:00+00:00", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_rfc_3339_is_read(text: str, moment: datetime) -> None:
    parsed = parse_timestamp(text)
    assert parsed == moment
    assert parsed.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-06-13T14:00:00", "has no time zone"),
        ("2026-06-13", "not an RFC 3339 timestamp"),
        ("20260613T140000Z", "not an RFC 3339 timestamp"),
        ("2026-W24-6T14:00:00Z", "not an RFC 3339 timestamp"),
        ("", "not an RFC 3339 timestamp"),
        ("2026-06-13T14:00:00Z\n", "not an RFC 3339 timestamp"),
        ("٢٠٢٦-06-13T14:00:00Z", "not an RFC 3339 timestamp"),
        ("2026-06-13T14:00:00." + "0" * 5000 + "Z", "not an RFC 3339 timestamp"),
        ("2026-06-13T14:00:60Z", "names no moment"),
        ("2026-02-29T14:00:00Z", "names no moment"),
        ("2026-06-13T24:00:00Z", "names no moment"),
        ("0000-01-01T00:00:00Z", "names no moment"),
        ("0001-01-01T00:00:00+01:00", "names no moment"),
        ("9999-12-31T23:59:59-01:00", "names no moment"),
        ("2026-06-13T14:00:00+24:00", "no possible offset"),
        ("2026-06-13T14:00:00+01:75", "no possible offset"),
    ],
)
def test_everything_else_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_timestamp(text)


def test_a_moment_is_written_in_utc_with_milliseconds() -> None:
    in_london = datetime(2026, 6, 13, 15, 0, 0, 987654, tzinfo=timezone(timedelta(hours=1)))
    assert format_timestamp(in_london) == "2026-06-13T14:00:00.987Z"
    assert format_timestamp(NO_END) == "0001-01-01T00:00:00.000Z"


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_reads_back_to_the_millisecond(moment: datetime) -> None:
    cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert parse_timestamp(format_timestamp(moment)) == cut


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_text_at_all_raises_anything_but_value_error(text: str) -> None:
    try:
        parsed = parse_timestamp(text)
    except ValueError:
        return
    assert parsed.utcoffset() == timedelta()


def test_the_fake_clock_stands_still_until_it_is_moved() -> None:
    clock = FakeClock(SATURDAY)
    assert clock.now() == SATURDAY
    clock.advance(seconds=90)
    clock.advance(timedelta(minutes=1))
    assert clock.now() == SATURDAY + timedelta(seconds=150)
    assert clock.monotonic() == 150.0
    clock.set(SATURDAY - timedelta(hours=2))
    assert clock.monotonic() == 150.0
    with pytest.raises(ValueError, match="never negative"):
        clock.advance(seconds=-1)
