"""Each weak spot is found where it is, and the sound file has none of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from webhook_receiver.oncall.findings import Finding, FindingKind, by_kind, gaps, ignored, weaknesses
from webhook_receiver.oncall.schedule import Assigned, Override, Span
from wedsync_core.settings import Settings, settings_from_text

SHIPPED = (Path(__file__).parents[4] / "wedsync.yml").read_text()
SOUND = """
  sms: {kind: webhook, url: "https://sms.example/send", signing_key_file: /run/secrets/sms_key}
  pager:"""
NIGHT = datetime(2026, 6, 13, 22, 0, tzinfo=UTC)


def sound() -> Settings:
    """The shipped file, in which everybody has a second way from another provider."""
    text = SHIPPED.replace("\n  pager:", SOUND)
    return settings_from_text(text.replace("{channel: console, address:", "{channel: sms, address:"), {})


def changed(**changes: str) -> list[tuple[FindingKind, str, str]]:
    text = SHIPPED.replace("\n  pager:", SOUND).replace("{channel: console, address:", "{channel: sms, address:")
    settings = settings_from_text(text, {f"WEDSYNC__{key}": value for key, value in changes.items()})
    return [(found.kind, found.place, found.sentence) for found in weaknesses(settings)]


def test_a_sound_file_has_no_weakness() -> None:
    assert weaknesses(sound()) == []


def test_the_shipped_file_has_one_provider_for_everybody() -> None:
    """The demonstration has one pager, and a line in a log wakes nobody."""
    found = weaknesses(settings_from_text(SHIPPED, {}))

    assert [(one.kind, one.place) for one in found] == [
        (FindingKind.SINGLE_PROVIDER, f"people.{key}.contact") for key in ("noor", "ines", "tomasz", "grace")
    ]
    assert found[0].sentence == "a critical incident reaches Noor Haddad only through demo"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"PEOPLE__NOOR__CONTACT": "[{channel: console}]"},
            (
                FindingKind.NO_CRITICAL_CONTACT,
                "people.noor.contact",
                "Noor Haddad has no contact method by which a critical incident reaches a person",
            ),
        ),
        (
            {"PEOPLE__NOOR__CONTACT": "[{channel: pager, severities: [high]}, {channel: sms, severities: [low]}]"},
            (
                FindingKind.NO_CRITICAL_CONTACT,
                "people.noor.contact",
                "Noor Haddad has no contact method by which a critical incident reaches a person",
            ),
        ),
        (
            {"PEOPLE__NOOR__CONTACT": "[{channel: pager}, {channel: sms, severities: [low]}]"},
            (
                FindingKind.SINGLE_PROVIDER,
                "people.noor.contact",
                "a critical incident reaches Noor Haddad only through demo",
            ),
        ),
        (
            # Two channels, and one server behind both.
            {"CHANNELS__SMS__URL": "http://demo:9999/sms", "PEOPLE__INES__CONTACT": "[{channel: pager}]"},
            (
                FindingKind.SINGLE_PROVIDER,
                "people.noor.contact",
                "a critical incident reaches Noor Haddad only through demo",
            ),
        ),
        (
            {"PEOPLE__ANYA": "{name: Anya Petrova, contact: [{channel: pager}, {channel: sms}]}"},
            (
                FindingKind.PERSON_WITHOUT_ROLE,
                "people.anya",
                "Anya Petrova is in no role: told only when everybody is",
            ),
        ),
        (
            {"SCHEDULES__ENGINEERS__LAYERS": "[{name: all, rotation: {people: [noor, noor], starts: 2026-01-05}}]"},
            (
                FindingKind.SINGLE_PERSON,
                "schedules.engineers.layers.0.rotation.people",
                "Noor Haddad is alone in all: nobody ever takes over",
            ),
        ),
        (
            {
                "SCHEDULES__ENGINEERS__LAYERS": (
                    "[{name: all, rotation: {people: [noor, tomasz], starts: 2026-01-05, hand_off: '01:00'}}]"
                )
            },
            (
                FindingKind.NIGHT_HAND_OFF,
                "schedules.engineers.layers.0.rotation.hand_off",
                "all hands off at 01:00 in Europe/London, at night",
            ),
        ),
        (
            {"ROLES__CTO": "[]"},
            (FindingKind.EMPTY_ROLE, "roles.cto", "nobody is in it, and wedding_day would tell it"),
        ),
        ({"ROLES__SPARE": "[]"}, (FindingKind.EMPTY_ROLE, "roles.spare", "nobody is in it")),
        (
            {"ROLES__ON_CALL_ENGINEER": "[noor]"},
            (
                FindingKind.UNUSED_SCHEDULE,
                "schedules.engineers",
                "no role is filled by this schedule: nobody is paged because of it",
            ),
        ),
    ],
)
def test_a_weakness_is_found_where_it_is(changes: dict[str, str], expected: tuple[FindingKind, str, str]) -> None:
    assert expected in changed(**changes)


@pytest.mark.parametrize(("hand_off", "found"), [("00:59", False), ("01:00", True), ("05:59", True), ("06:00", False)])
def test_the_night_is_from_one_to_six(hand_off: str, found: bool) -> None:
    layers = f"[{{name: all, rotation: {{people: [noor, tomasz], starts: 2026-01-05, hand_off: '{hand_off}'}}}}]"

    assert (FindingKind.NIGHT_HAND_OFF in [one[0] for one in changed(SCHEDULES__ENGINEERS__LAYERS=layers)]) == found


def test_somebody_alone_hands_off_to_nobody_at_night() -> None:
    layers = "[{name: all, rotation: {people: [noor], starts: 2026-01-05, hand_off: '03:00'}}]"

    assert [one[0] for one in changed(SCHEDULES__ENGINEERS__LAYERS=layers)] == [FindingKind.SINGLE_PERSON]


def span(hours: float, lasts: float, *people: str) -> Span:
    begin = NIGHT + timedelta(hours=hours)
    return Span(begin, begin + timedelta(hours=lasts), tuple(Assigned(person, "all", 0) for person in people))


def test_gaps_are_said_once_a_schedule_on_its_own_wall() -> None:
    found = list(gaps("engineers", "Europe/London", [span(0, 8), span(8, 16, "noor"), span(24, 1.5)]))

    assert found == [
        Finding(
            FindingKind.GAP,
            "schedules.engineers",
            "nobody is on call from Sat 13 Jun 23:00 to Sun 14 Jun 07:00, and 1 times more: "
            "9.5 hours of the next 30 days",
        )
    ]


def test_without_a_gap_nothing_is_said() -> None:
    assert list(gaps("engineers", "Europe/London", [span(0, 8, "noor")])) == []


def test_an_override_of_somebody_who_has_left_is_named() -> None:
    found = ignored(Override(7, "engineers", "anya", "noor", NIGHT, NIGHT + timedelta(hours=1)))

    assert (found.kind, found.place) == (FindingKind.OVERRIDE_IGNORED, "schedules.engineers")
    assert "override 7 has no effect: 'anya'" in found.sentence


def test_every_kind_is_counted_also_when_there_is_none() -> None:
    counted = by_kind([Finding(FindingKind.GAP, "a", "b"), Finding(FindingKind.GAP, "c", "d")])

    assert counted[FindingKind.GAP] == 2
    assert set(counted) == set(FindingKind)
    assert sum(counted.values()) == 2
