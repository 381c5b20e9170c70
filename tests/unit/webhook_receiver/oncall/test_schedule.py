"""Who is on call when: turns, layers, windows and overrides, on ordinary nights and on those the clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook_receiver.oncall.rotation import days_of_shift, open_times, shift_at, shift_of, shifts
from webhook_receiver.oncall.schedule import Override, at, by_people, layer_spans, spans
from wedsync_core.season.localtime import load_zone
from wedsync_core.settings import Layer, Restriction, Rotation, Schedule

ZONES = [
    "Europe/London", "America/New_York", "Australia/Sydney", "Pacific/Auckland", "Australia/Lord_Howe",
    "America/Los_Angeles", "America/Santiago",
]  # fmt: skip
CREW = ["noor", "tomasz", "ines", "grace"]
EVERY_DAY = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
LONDON = load_zone("Europe/London")


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def rotation(
    *people: str, every: str = "week", shifts: int = 1, starts: str = "2026-01-05", at: str = "09:00"
) -> Rotation:
    return Rotation.model_validate(
        {"people": list(people), "every": every, "shifts": shifts, "starts": date.fromisoformat(starts), "hand_off": at}
    )


def schedule(*layers: Layer, zone: str = "Europe/London") -> Schedule:
    return Schedule(zone=zone, layers=list(layers))


def nights(begins: str = "22:00", ends: str = "06:00", days: list[str] = EVERY_DAY) -> Restriction:
    return Restriction.model_validate({"days": days, "begins": begins, "ends": ends})


def weekly(*people: str) -> Schedule:
    return schedule(Layer(name="weekly", rotation=rotation(*people)))


def override(person: str, starts_at: datetime, hours: float, replaces: str | None = None, number: int = 1) -> Override:
    return Override(number, "engineers", person, replaces, starts_at, starts_at + timedelta(hours=hours))


# --- turns


def test_a_week_is_handed_off_at_nine_on_monday_in_the_schedules_own_zone() -> None:
    engineers = weekly("noor", "tomasz")

    found = by_people(spans(engineers, utc(2026, 3, 16), utc(2026, 4, 6)))

    assert [(span.people, span.starts_at) for span in found] == [
        (("tomasz",), utc(2026, 3, 16)),
        (("noor",), utc(2026, 3, 16, 9)),
        (("tomasz",), utc(2026, 3, 23, 9)),
        (("noor",), utc(2026, 3, 30, 8)),  # British Summer Time began on the 29th: still nine on the wall
    ]


def test_before_a_rotation_starts_nobody_has_it() -> None:
    engineers = weekly("noor")
    first = utc(2026, 1, 5, 9)

    assert at(engineers, first - timedelta(seconds=1)) == ()
    assert [one.person for one in at(engineers, first)] == ["noor"]
    gap, duty = spans(engineers, utc(2026, 1, 1), utc(2026, 1, 10))
    assert (gap.people, gap.ends_at, duty.people) == ((), first, ("noor",))


def test_at_the_very_moment_of_the_hand_off_the_new_person_has_it() -> None:
    engineers = weekly("noor", "tomasz")

    assert [one.person for one in at(engineers, utc(2026, 1, 12, 9) - timedelta(microseconds=1))] == ["noor"]
    assert [one.person for one in at(engineers, utc(2026, 1, 12, 9))] == ["tomasz"]


def test_several_weeks_may_be_one_shift() -> None:
    fortnights = rotation("noor", "tomasz", shifts=2)

    assert [
        (turn.person, turn.starts_at.date()) for turn in shifts(fortnights, LONDON, utc(2026, 1, 6), utc(2026, 2, 9))
    ] == [
        ("noor", date(2026, 1, 5)),
        ("tomasz", date(2026, 1, 19)),
        ("noor", date(2026, 2, 2)),
    ]


@pytest.mark.parametrize(
    ("zone", "day", "wall", "expected"),
    [
        ("America/New_York", "2026-03-08", "02:30", utc(2026, 3, 8, 7)),  # skipped: the first moment after
        ("America/New_York", "2026-11-01", "01:30", utc(2026, 11, 1, 5, 30)),  # shown twice: the first showing
        ("Australia/Lord_Howe", "2026-10-04", "02:15", utc(2026, 10, 3, 15, 30)),  # half an hour skipped
        ("Europe/London", "2028-02-29", "09:00", utc(2028, 2, 29, 9)),
    ],
)
def test_a_hand_off_at_a_wall_time_that_is_skipped_or_doubled_is_one_moment(
    zone: str, day: str, wall: str, expected: datetime
) -> None:
    turns = rotation("noor", "tomasz", every="day", starts="2026-01-01", at=wall)
    number = (date.fromisoformat(day) - date(2026, 1, 1)).days

    assert shift_of(turns, load_zone(zone), number).starts_at == expected


def test_a_day_that_a_zone_left_out_is_nobodys_shift_and_leaves_no_hole() -> None:
    """Samoa had no 30 December 2011: what would begin at noon of that day begins when the 31st does, and so ends."""
    turns = rotation("noor", "tomasz", "ines", every="day", starts="2011-12-28", at="00:00")

    found = list(shifts(turns, load_zone("Pacific/Apia"), utc(2011, 12, 28, 12), utc(2012, 1, 1)))

    assert [turn.number for turn in found] == [0, 1, 3, 4]
    assert all(before.ends_at == after.starts_at for before, after in pairwise(found))


def test_a_midnight_that_was_shown_is_not_taken_back() -> None:
    """Newfoundland's clocks went from 00:01 on 7 November 2010 back to 23:01: the 7th had begun, its duty too."""
    st_johns = load_zone("America/St_Johns")
    turns = rotation("noor", "tomasz", every="day", starts="2010-11-06", at="00:00")
    midnight = utc(2010, 11, 7, 2, 30)
    second_evening = midnight + timedelta(minutes=30)
    assert second_evening.astimezone(st_johns).date() == date(2010, 11, 6)

    for moment, person in ((midnight - timedelta(seconds=1), "noor"), (second_evening, "tomasz")):
        shift = shift_at(turns, st_johns, moment)
        assert shift is not None
        assert shift.person == person
        assert shift.starts_at <= moment < shift.ends_at


@st.composite
def rotations(draw: st.DrawFn) -> Rotation:
    return Rotation(
        people=draw(st.lists(st.sampled_from(CREW), min_size=1, max_size=5)),
        every=draw(st.sampled_from(["day", "week"])),
        shifts=draw(st.integers(1, 4)),
        starts=draw(st.dates(date(2024, 1, 1), date(2028, 3, 2))),
        hand_off=draw(wall_times),
    )


wall_times = st.times().map(lambda wall: wall.replace(second=0, microsecond=0))
zones = st.sampled_from(ZONES)
moments = st.builds(
    lambda year, day, minutes: utc(year, 1, 1) + timedelta(days=day, minutes=minutes),
    st.integers(2024, 2028),
    # Around the days on which these zones change their clocks, and the leap day; or any day.
    st.sampled_from([58, 67, 88, 95, 250, 270, 276, 298, 305]) | st.integers(0, 365),
    st.integers(-2 * 1440, 2 * 1440),
)


@settings(deadline=None)
@given(rotations(), zones, moments)
def test_every_moment_is_in_the_shift_of_its_number_and_turn(turns: Rotation, zone: str, moment: datetime) -> None:
    here = load_zone(zone)
    shift = shift_at(turns, here, moment)

    if shift is None:
        assert moment < shift_of(turns, here, 0).starts_at
        return
    assert shift.starts_at <= moment < shift.ends_at
    assert shift.person == turns.people[shift.number % len(turns.people)]
    shown = shift.starts_at.astimezone(here)
    first_day = turns.starts + timedelta(days=shift.number * days_of_shift(turns))
    late = shown.replace(tzinfo=None) - datetime.combine(first_day, turns.hand_off)
    assert timedelta() <= late <= timedelta(hours=1), "the wall shows the hand-off, unless a gap skips it"
    assert shown.fold == 0, "of two showings the first"


# --- layers and windows


def test_a_later_layer_covers_an_earlier_one_where_it_applies() -> None:
    both = schedule(
        Layer(name="days", rotation=rotation("noor")),
        Layer(name="nights", rotation=rotation("tomasz"), restrictions=[nights()]),
    )

    found = spans(both, utc(2026, 2, 3, 12), utc(2026, 2, 4, 12))

    assert [(span.people, span.assigned[0].layer, span.starts_at, span.ends_at) for span in found] == [
        (("noor",), "days", utc(2026, 2, 3, 12), utc(2026, 2, 3, 22)),
        (("tomasz",), "nights", utc(2026, 2, 3, 22), utc(2026, 2, 4, 6)),
        (("noor",), "days", utc(2026, 2, 4, 6), utc(2026, 2, 4, 12)),
    ]


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    fridays = schedule(Layer(name="n", rotation=rotation("noor"), restrictions=[nights(days=["friday"])]))

    found = [span for span in spans(fridays, utc(2026, 2, 2), utc(2026, 2, 9)) if span.people]

    assert [(span.starts_at, span.ends_at) for span in found] == [(utc(2026, 2, 6, 22), utc(2026, 2, 7, 6))]


def test_windows_that_touch_are_one() -> None:
    halves = [nights("22:00", "02:00"), nights("02:00", "06:00")]

    found = open_times(halves, LONDON, utc(2026, 2, 3, 12), utc(2026, 2, 4, 12))

    assert found == [(utc(2026, 2, 3, 22), utc(2026, 2, 4, 6))]


def test_a_window_from_midnight_to_midnight_is_the_whole_day() -> None:
    weekends = Restriction.model_validate({"days": ["saturday", "sunday"]})
    found = spans(
        schedule(Layer(name="w", rotation=rotation("noor"), restrictions=[weekends])), utc(2026, 2, 4), utc(2026, 2, 11)
    )

    assert [(span.people, span.starts_at) for span in found] == [
        ((), utc(2026, 2, 4)),
        (("noor",), utc(2026, 2, 7)),
        ((), utc(2026, 2, 9)),
    ]


@pytest.mark.parametrize(
    ("zone", "evening", "hours"),
    [
        ("Europe/London", utc(2026, 10, 24, 21), 9),
        ("Europe/London", utc(2026, 3, 28, 22), 7),
        ("Europe/London", utc(2026, 6, 13, 21), 8),
        ("America/New_York", utc(2026, 11, 1, 2), 9),
        ("America/New_York", utc(2026, 3, 8, 3), 7),
        ("America/Los_Angeles", utc(2028, 11, 5, 5), 9),
        ("Australia/Sydney", utc(2026, 4, 4, 11), 9),
        ("Australia/Sydney", utc(2026, 10, 3, 12), 7),
        ("Pacific/Auckland", utc(2027, 4, 3, 9), 9),
        ("Pacific/Auckland", utc(2026, 9, 26, 10), 7),
        ("Australia/Lord_Howe", utc(2026, 4, 4, 11), 8.5),
        ("Australia/Lord_Howe", utc(2026, 10, 3, 11, 30), 7.5),
    ],
)
def test_a_night_shift_lasts_as_long_as_its_night(zone: str, evening: datetime, hours: float) -> None:
    every_night = schedule(
        Layer(name="n", rotation=rotation("noor", starts="2024-01-01"), restrictions=[nights()]), zone=zone
    )

    (night,) = [
        span for span in spans(every_night, evening - timedelta(hours=8), evening + timedelta(hours=12)) if span.people
    ]

    assert night.starts_at == evening
    assert night.ends_at - night.starts_at == timedelta(hours=hours)


@st.composite
def schedules(draw: st.DrawFn, restricted: bool = True) -> Schedule:
    windows = st.builds(
        Restriction,
        days=st.lists(st.sampled_from(EVERY_DAY), min_size=1, max_size=7),
        begins=wall_times,
        ends=wall_times,
    )
    layers = [
        Layer(
            name=f"layer_{number}",
            rotation=draw(rotations()),
            restrictions=draw(st.lists(windows, max_size=3)) if restricted else [],
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    return Schedule(zone=draw(zones), layers=layers)


overrides = st.lists(
    st.builds(
        override,
        st.sampled_from(CREW),
        moments,
        st.integers(1, 31 * 24),
        st.none() | st.sampled_from(CREW),
        st.integers(1, 5),
    ),
    max_size=4,
    unique_by=lambda one: one.override_id,
)


@settings(deadline=None)
@given(schedules(), overrides, moments, st.integers(1, 40 * 24), st.integers(0, 40 * 24 * 60))
def test_spans_have_no_hole_and_agree_with_the_moment(
    some: Schedule, standing_in: list[Override], begin: datetime, hours: int, minutes: int
) -> None:
    end = begin + timedelta(hours=hours)
    found = spans(some, begin, end, standing_in)

    assert (found[0].starts_at, found[-1].ends_at) == (begin, end)
    assert all(before.ends_at == after.starts_at for before, after in pairwise(found))
    assert all(span.starts_at < span.ends_at for span in found)
    assert all(before.assigned != after.assigned for before, after in pairwise(found)), "neighbours differ"
    asked = begin + timedelta(minutes=minutes % (hours * 60))
    edges = [span.starts_at for span in found] + [span.ends_at - timedelta(microseconds=1) for span in found]
    for moment in (asked, *edges[:40]):
        (there,) = [span for span in found if span.starts_at <= moment < span.ends_at]
        assert at(some, moment, standing_in) == there.assigned


@settings(deadline=None)
@given(schedules(restricted=False), moments, st.integers(1, 60))
def test_without_windows_there_is_no_gap_after_the_first_start(some: Schedule, begin: datetime, days: int) -> None:
    zone = load_zone(some.zone)
    started = min(shift_of(layer.rotation, zone, 0).starts_at for layer in some.layers)

    found = spans(some, max(begin, started), max(begin, started) + timedelta(days=days))

    assert all(span.people for span in found)


@settings(deadline=None)
@given(schedules(), moments, st.integers(1, 40))
def test_within_a_layer_nobody_overlaps(some: Schedule, begin: datetime, days: int) -> None:
    for layer in some.layers:
        pieces = layer_spans(layer, load_zone(some.zone), begin, begin + timedelta(days=days))
        assert all(before.ends_at <= after.starts_at for before, after in pairwise(pieces))
        assert all(piece.starts_at < piece.ends_at for piece in pieces)


# --- overrides


def test_somebody_stands_in_and_hands_back() -> None:
    engineers = weekly("noor", "tomasz")
    evening = utc(2026, 1, 7, 18)

    found = spans(engineers, utc(2026, 1, 7), utc(2026, 1, 8), [override("ines", evening, 3, replaces="noor")])

    assert [span.people for span in found] == [("noor",), ("ines",), ("noor",)]
    assert (found[1].starts_at, found[1].ends_at) == (evening, evening + timedelta(hours=3))
    assert (found[1].assigned[0].override, found[1].assigned[0].layer) == (1, "weekly")


def test_somebody_is_added() -> None:
    wedding = override("ines", utc(2026, 1, 10), 24)

    assert [one.person for one in at(weekly("noor"), utc(2026, 1, 10, 12), [wedding])] == ["noor", "ines"]
    assert [one.person for one in at(weekly("noor"), utc(2026, 1, 11), [wedding])] == ["noor"]


def test_somebody_is_added_where_nobody_was() -> None:
    assert [one.person for one in at(weekly("noor"), utc(2026, 1, 1), [override("ines", utc(2026, 1, 1), 1)])] == [
        "ines"
    ]


def test_who_replaces_somebody_that_is_not_on_call_changes_nothing() -> None:
    assert [
        one.person for one in at(weekly("noor"), utc(2026, 1, 10), [override("ines", utc(2026, 1, 10), 24, "tomasz")])
    ] == ["noor"]


def test_overrides_apply_in_the_order_in_which_they_were_made() -> None:
    """Ines stands in for Noor, and then asks Grace to stand in for her."""
    first = override("ines", utc(2026, 1, 10), 24, replaces="noor", number=1)
    second = override("grace", utc(2026, 1, 10), 24, replaces="ines", number=2)

    for order in ([first, second], [second, first]):
        assert [one.person for one in at(weekly("noor"), utc(2026, 1, 10), order)] == ["grace"]


def test_somebody_added_twice_is_there_once() -> None:
    twice = [override("noor", utc(2026, 1, 10), 24, number=number) for number in (1, 2)]

    (once,) = at(weekly("noor"), utc(2026, 1, 10), twice)
    assert (once.person, once.because) == ("noor", "layer weekly"), "as the schedule has her"


def test_nothing_is_asked_about_no_time() -> None:
    assert spans(weekly("noor"), utc(2026, 1, 10), utc(2026, 1, 10)) == []
