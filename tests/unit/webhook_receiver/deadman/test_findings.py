"""What the emergency role hears from the auditor."""

from datetime import timedelta

from tests.cast import SATURDAY
from webhook_receiver.deadman.findings import TOLD_AFTER, Finding, Kind, to_tell

LATE = Finding(Kind.ESCALATION_OVERDUE, 3, SATURDAY - TOLD_AFTER - timedelta(seconds=1))
STANDING = [[LATE], [LATE]]


def test_a_critical_thing_that_stays_overdue_is_told() -> None:
    (told,) = to_tell([LATE], STANDING, SATURDAY)
    assert told.key == "audit-escalation_overdue"
    assert "have not been told" in told.title


def test_what_was_not_there_at_the_looks_before_may_be_a_leap_of_the_clock() -> None:
    assert to_tell([LATE], [[], [LATE]], SATURDAY) == []
    assert to_tell([LATE], [[LATE], []], SATURDAY) == []


def test_what_is_not_critical_or_not_yet_late_is_only_shown() -> None:
    mild = Finding(Kind.ESCALATION_OVERDUE, 3, None)
    young = Finding(Kind.ESCALATION_OVERDUE, 3, SATURDAY - TOLD_AFTER)
    assert to_tell([mild], STANDING, SATURDAY) == []
    assert to_tell([young], STANDING, SATURDAY) == []


def test_every_kind_has_its_sentence() -> None:
    for kind in Kind:
        found = Finding(kind, 1, SATURDAY - timedelta(hours=1))
        assert len(to_tell([found], [[found], [found]], SATURDAY)) == 1, kind
