"""By which ways a person is told."""

from tests.cast import SATURDAY
from webhook_receiver.notify.rules import plan
from wedsync_core.settings import ContactMethod, Person

PAGER = ContactMethod(channel="pager", severities=["critical", "high"])
CONSOLE = ContactMethod(channel="console")
NOOR = Person(name="Noor Haddad", contact=[PAGER, CONSOLE])
INES = Person(name="Ines Moreau", contact=[PAGER])


def channels(person: Person, severity: str) -> list[str]:
    return [planned.channel for planned in plan("someone", person, severity, SATURDAY)]


def test_a_critical_page_goes_by_every_method_that_fits() -> None:
    assert channels(NOOR, "critical") == ["pager", "console"]


def test_a_low_incident_leaves_the_pager_silent_where_there_is_another_way() -> None:
    assert channels(NOOR, "low") == ["console"]


def test_somebody_with_no_fitting_method_is_told_by_the_preferred_one() -> None:
    assert channels(INES, "low") == ["pager"]
