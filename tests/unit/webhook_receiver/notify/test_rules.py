"""By which ways a person is told, and when."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.notify.rules import QUIET_HOURS, SECOND_WAY_AFTER, STEP, end_of_quiet, plan
from wedsync_core.settings import ContactMethod, Person, PersonalRules, PersonalStep, QuietHours

PAGER = ContactMethod(channel="pager", severities=["critical", "high"])
CONSOLE = ContactMethod(channel="console")
MAIL = ContactMethod(channel="email", address="noor@wedsync.example", severities=["medium", "low"])
NOOR = Person(name="Noor Haddad", contact=[PAGER, CONSOLE])
INES = Person(name="Ines Moreau", contact=[PAGER])
NIGHT = QuietHours(begins=time(22), ends=time(7))
LONDON = ZoneInfo("Europe/London")


def channels(person: Person, severity: str) -> list[str]:
    return [planned.channel for planned in plan("someone", person, severity, SATURDAY)]


def test_a_critical_page_goes_by_every_method_that_fits() -> None:
    assert channels(NOOR, "critical") == ["pager", "console"]


def test_a_low_incident_leaves_the_pager_silent_where_there_is_another_way() -> None:
    assert channels(NOOR, "low") == ["console"]


def test_somebody_with_no_fitting_method_is_told_by_the_preferred_one() -> None:
    assert channels(INES, "low") == ["pager"]


def test_an_important_page_takes_the_other_ways_within_the_minute() -> None:
    tomasz = Person(name="Tomasz", contact=[PAGER, MAIL])

    first, second = plan("tomasz", tomasz, "critical", SATURDAY)
    assert (first.channel, first.due_at, first.hold) == ("pager", SATURDAY, None)
    assert (second.channel, second.due_at, second.hold) == ("email", SATURDAY + SECOND_WAY_AFTER, STEP)
    assert timedelta(seconds=60) > SECOND_WAY_AFTER
    assert channels(tomasz, "medium") == ["email"], "what can wait does not"


def test_personal_rules_are_followed_in_the_order_of_time() -> None:
    steps = [
        PersonalStep(channel="email"),
        PersonalStep(channel="pager", after=timedelta(minutes=2)),
        PersonalStep(channel="pager", after=timedelta(minutes=1)),
    ]
    noor = Person(
        name="Noor",
        contact=[PAGER, MAIL],
        rules=PersonalRules(important=steps, default=[PersonalStep(channel="email")]),
    )

    important = plan("noor", noor, "high", SATURDAY)
    assert [(one.way, (one.due_at - SATURDAY).total_seconds()) for one in important] == [
        ("email", 0),
        ("pager", 60),
        ("pager-2", 120),
    ]
    assert [one.position for one in important] == [0, 1, 2]
    assert important[0].address == "noor@wedsync.example"
    assert channels(noor, "low") == ["email"]


@pytest.mark.parametrize("severity", ["critical", "high"])
def test_the_night_never_holds_what_is_important(severity: str) -> None:
    noor = Person(name="Noor", zone="Europe/London", contact=[CONSOLE], quiet_hours=NIGHT)
    at_three = datetime(2026, 6, 13, 2, 0, tzinfo=UTC)

    (page,) = plan("noor", noor, severity, at_three)
    assert (page.due_at, page.hold) == (at_three, None)


def test_the_night_holds_the_rest_until_it_ends() -> None:
    noor = Person(name="Noor", zone="Europe/London", contact=[CONSOLE], quiet_hours=NIGHT)
    at_three, at_noon = (datetime(2026, 6, 13, hour, 0, tzinfo=UTC) for hour in (2, 11))

    (held,) = plan("noor", noor, "medium", at_three)
    assert (held.due_at, held.hold) == (datetime(2026, 6, 13, 6, 0, tzinfo=UTC), QUIET_HOURS)
    (told,) = plan("noor", noor, "medium", at_noon)
    assert (told.due_at, told.hold) == (at_noon, None)


def test_a_later_step_that_comes_into_the_night_waits_for_the_morning() -> None:
    steps = [PersonalStep(channel="console"), PersonalStep(channel="console", after=timedelta(minutes=30))]
    noor = Person(
        name="Noor", contact=[CONSOLE], quiet_hours=NIGHT, rules=PersonalRules(important=steps, default=steps)
    )
    evening = datetime(2026, 6, 13, 21, 45, tzinfo=UTC)

    now, later = plan("noor", noor, "low", evening)
    assert (now.due_at, now.hold) == (evening, None)
    assert (later.due_at, later.hold) == (datetime(2026, 6, 14, 7, 0, tzinfo=UTC), QUIET_HOURS)


@pytest.mark.parametrize(
    ("night", "moment", "ends"),
    [
        # The clocks go forward at 01:00 UTC on 29 March 2026: 01:30 is not shown that night.
        (QuietHours(begins=time(22), ends=time(1, 30)), "2026-03-29T00:30Z", "2026-03-29T01:00Z"),
        (QuietHours(begins=time(1, 30), ends=time(7)), "2026-03-29T01:00Z", "2026-03-29T06:00Z"),
        # They go back at 01:00 UTC on 25 October 2026: 01:30 is shown twice, and ends the night the first time.
        (QuietHours(begins=time(22), ends=time(1, 30)), "2026-10-25T00:20Z", "2026-10-25T00:30Z"),
        (QuietHours(begins=time(22), ends=time(1, 30)), "2026-10-25T01:20Z", None),
        (QuietHours(begins=time(12), ends=time(14)), "2026-06-13T11:30Z", "2026-06-13T13:00Z"),
        (QuietHours(begins=time(12), ends=time(14)), "2026-06-13T13:00Z", None),
    ],
)
def test_a_night_on_which_the_clocks_change_has_one_beginning_and_one_end(
    night: QuietHours, moment: str, ends: str | None
) -> None:
    expected = datetime.fromisoformat(ends) if ends else None

    assert end_of_quiet(night, LONDON, datetime.fromisoformat(moment)) == expected


@given(
    st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(["Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Auckland", "UTC"]),
)
def test_whatever_the_night_it_ends_within_a_day_and_is_over_then(
    begins: time, ends: time, now: datetime, zone: str
) -> None:
    if begins == ends:
        return
    night = QuietHours(begins=begins, ends=ends)
    until = end_of_quiet(night, ZoneInfo(zone), now)

    if until is not None:
        assert now < until <= now + timedelta(hours=26)
        assert end_of_quiet(night, ZoneInfo(zone), until) is None
