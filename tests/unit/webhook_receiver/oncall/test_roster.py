"""Roles to people: each once, by the methods that fit, and never nobody."""

from webhook_receiver.oncall.roster import Roster
from wedsync_core.settings import ContactMethod, Person

PAGER = ContactMethod(channel="pager", severities=["critical", "high"])
CONSOLE = ContactMethod(channel="console")
PEOPLE = {
    "noor": Person(name="Noor Haddad", contact=[PAGER, CONSOLE]),
    "ines": Person(name="Ines Moreau", contact=[PAGER]),
}
ROSTER = Roster(
    PEOPLE, {"on_call_engineer": ["noor"], "platform_lead": ["ines"], "cto": [], "emergency": ["ines"]}, "emergency"
)


def test_somebody_with_two_roles_is_told_once() -> None:
    found = ROSTER.reach(["platform_lead", "emergency"], "critical")

    assert [reach.person for reach in found.reaches] == ["ines"]


def test_all_hands_is_everybody_by_every_method_that_fits() -> None:
    found = ROSTER.reach(["all_hands"], "critical")

    assert [(reach.person, reach.channel) for reach in found.reaches] == [
        ("noor", "pager"),
        ("noor", "console"),
        ("ines", "pager"),
    ]


def test_a_low_incident_leaves_the_pager_silent_where_there_is_another_way() -> None:
    assert [reach.channel for reach in ROSTER.reach(["on_call_engineer"], "low").reaches] == ["console"]


def test_somebody_with_no_fitting_method_is_told_by_the_preferred_one() -> None:
    assert [reach.channel for reach in ROSTER.reach(["platform_lead"], "low").reaches] == ["pager"]


def test_an_empty_role_is_named_and_the_others_are_told() -> None:
    found = ROSTER.reach(["cto", "on_call_engineer"], "critical")

    assert (found.empty_roles, found.fallback) == (("cto",), None)
    assert {reach.person for reach in found.reaches} == {"noor"}


def test_when_every_role_is_empty_the_emergency_role_stands_in() -> None:
    found = ROSTER.reach(["cto", "unheard_of"], "critical")

    assert found.fallback == "every role of the step is empty"
    assert [reach.person for reach in found.reaches] == ["ines"]
