"""What lived and died unseen, and what did not."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.alerts.missed import Lived, missed_alerts
from webhook_receiver.sources.contract import Evaluated, Fired, Matcher, Silence

LABELS = {"alertname": "WorkflowFailing", "region": "london", "severity": "critical"}


def at(minutes: float) -> datetime:
    return SATURDAY + timedelta(minutes=minutes)


def fired(first: float, last: float, **labels: str) -> Fired:
    return Fired({**LABELS, **labels}, at(first), at(last))


def lived(first: float, last: float | None, **labels: str) -> Lived:
    return Lived({**LABELS, **labels}, at(first), None if last is None else at(last))


def test_lives_of_one_alert_are_told_once_and_the_critical_first() -> None:
    fires = [fired(5, 6, severity="warning"), fired(10, 11), fired(30, 40)]

    missed = missed_alerts(fires, [], [])

    assert [(one.labels["severity"], one.first_at, one.last_at, one.times) for one in missed] == [
        ("critical", at(10), at(40), 2),
        ("warning", at(5), at(6), 1),
    ]


def test_what_fires_now_pages_nobody_or_was_known_is_not_missed() -> None:
    assert missed_alerts([fired(1, 60)], [Evaluated(LABELS, firing=True)], []) == []
    assert len(missed_alerts([fired(1, 60)], [Evaluated(LABELS, firing=False)], [])) == 1, "pending is not firing"
    assert missed_alerts([fired(1, 9, severity="info"), fired(1, 9, alertname="Watchdog")], [], []) == []
    assert missed_alerts([fired(1, 9)], [], [lived(2, 5, cluster="west")]) == [], "external labels are added on the way"
    assert missed_alerts([fired(10, 19)], [], [lived(2, None)]) == []


def test_another_time_or_another_alert_is_not_the_same() -> None:
    assert len(missed_alerts([fired(10, 19)], [], [lived(2, 5)])) == 1
    assert len(missed_alerts([fired(10, 19)], [], [lived(30, None)])) == 1
    assert len(missed_alerts([fired(10, 19)], [], [lived(10, 19, region="sydney")])) == 1


def silence(*matchers: Matcher, first: float = 0, last: float = 60) -> Silence:
    return Silence("s", matchers, at(first), at(last), "noor", "", "expired")


def test_only_a_silence_of_the_whole_life_and_of_every_matcher_excuses() -> None:
    name, elsewhere = Matcher("alertname", "Workflow.*", is_regex=True), Matcher("region", "sydney")
    told: dict[bool, Any] = {True: [], False: missed_alerts([fired(10, 20)], [], [])}
    for excused, one in [
        (True, silence(name)),
        (True, silence(name, Matcher("region", "sydney", is_equal=False))),
        (True, silence(Matcher("team", ""))),
        (False, silence(name, elsewhere)),
        (False, silence(name, first=12)),
        (False, silence(name, last=15)),
        (False, silence()),
        (False, silence(Matcher("alertname", "Workflow(", is_regex=True))),
        (False, silence(Matcher("alertname", "Work", is_regex=True))),
    ]:
        assert missed_alerts([fired(10, 20)], [], [], [one]) == told[excused], one


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 20)), max_size=6))
def test_looking_twice_finds_nothing_more(spans: list[tuple[int, int]]) -> None:
    fires = [fired(first, first + length) for first, length in spans]
    missed = missed_alerts(fires, [], [])
    known = [Lived(one.labels, one.first_at, one.last_at) for one in missed]

    assert len(missed) == bool(spans)
    assert missed_alerts(fires, [], known) == []
