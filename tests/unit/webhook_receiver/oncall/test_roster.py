"""Roles to people: each once, and never nobody."""

from datetime import datetime

from tests.cast import SATURDAY
from webhook_receiver.oncall.roster import Roster
from wedsync_core.settings import ContactMethod, OnSchedule, Person

CONSOLE = ContactMethod(channel="console")
PEOPLE = {
    "noor": Person(name="Noor Haddad", contact=[CONSOLE]),
    "ines": Person(name="Ines Moreau", contact=[CONSOLE]),
}


def on_call(schedule: str, now: datetime) -> list[str]:
    return ["noor"] if (schedule, now) == ("engineers", SATURDAY) else []


ROSTER = Roster(
    PEOPLE,
    {
        "on_call_engineer": OnSchedule(schedule="engineers"),
        "platform_lead": ["ines"],
        "cto": [],
        "emergency": ["ines"],
    },
    "emergency",
    on_call,
)


def test_somebody_with_two_roles_is_told_once() -> None:
    assert ROSTER.find(["platform_lead", "emergency"], SATURDAY).people == ("ines",)


def test_all_hands_is_everybody() -> None:
    assert ROSTER.find(["all_hands"], SATURDAY).people == ("noor", "ines")


def test_an_empty_role_is_named_and_the_others_are_told() -> None:
    found = ROSTER.find(["cto", "on_call_engineer"], SATURDAY)

    assert (found.people, found.empty_roles, found.fallback) == (("noor",), ("cto",), None)


def test_when_every_role_is_empty_the_emergency_role_stands_in() -> None:
    found = ROSTER.find(["cto", "unheard_of"], SATURDAY)

    assert found.fallback == "every role of the step is empty"
    assert found.people == ("ines",)
