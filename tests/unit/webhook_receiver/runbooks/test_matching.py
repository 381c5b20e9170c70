"""Which runbooks an incident asks for, once a target; and when a run has helped."""

from datetime import datetime, timedelta

import pytest

from tests.cast import TUESDAY
from webhook_receiver.runbooks.contract import Runbook, Verify
from webhook_receiver.runbooks.matching import Firing, wanted_by
from webhook_receiver.runbooks.run import State, verdict

MEND = Runbook.model_validate(
    {
        "name": "mend",
        "summary": "Mend",
        "match": {"alertname": "WorkflowFailing", "workflow": ["booking", "payment"]},
        "start": "automatic",
        "environments": ["production"],
        "parameters": {"region": {"label": "region", "pattern": "[a-z]+"}},
        "steps": [{"do": "check", "query": 'up{region="${region}"}'}],
    }
)


def firing(number: int, **labels: str) -> Firing:
    return Firing(f"f{number}", {"alertname": "WorkflowFailing", "workflow": "booking", **labels})


def test_alerts_of_one_target_are_one_run_and_others_are_others() -> None:
    alerts = [firing(1, region="london"), firing(2, region="london", workflow="payment"), firing(3, region="sydney")]
    wanted = wanted_by([MEND], alerts, "production")
    assert [(dict(one.values), one.alerts) for one in wanted] == [
        ({"region": "london"}, ("f1", "f2")),
        ({"region": "sydney"}, ("f3",)),
    ]
    assert wanted[0].regions == {"london"}


@pytest.mark.parametrize(
    "alert", [firing(1, region="london", workflow="messaging"), firing(1, alertname="WorkflowSlow")]
)
def test_what_does_not_match_in_every_label_starts_nothing(alert: Firing) -> None:
    assert wanted_by([MEND], [alert], "production") == []


def test_nothing_starts_by_itself_elsewhere_or_by_hand() -> None:
    assert wanted_by([MEND], [firing(1, region="london")], "demo") == []
    by_hand = MEND.model_copy(update={"start": "by_hand"})
    assert wanted_by([by_hand], [firing(1, region="london")], "production") == []


def test_a_label_that_is_no_parameter_is_a_refusal_and_not_a_run() -> None:
    (wanted,) = wanted_by([MEND], [firing(1, region="$(touch canary)")], "production")
    assert wanted.refused == "region: does not match its pattern"
    assert wanted.values == {}


VERIFY = Verify(clear_for=timedelta(minutes=2), within=timedelta(minutes=15))


def at(minutes: float) -> datetime:
    return TUESDAY + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("firing_now", "since", "now", "expected"),
    [
        (1, None, 5, (None, "firing")),
        (0, None, 5, (None, "clear")),
        (0, 4, 5, (None, "clear")),
        (0, 3, 5, (State.MENDED, "stayed_clear")),
        (1, 3, 5, (None, "firing")),
        (1, None, 15, (State.NOT_MENDED, "still_firing")),
        (1, 14, 15, (State.NOT_MENDED, "fired_again")),
        (0, 14, 15, (None, "clear")),
        (0, 14, 16, (State.MENDED, "stayed_clear")),
        (0, 16, 17, (State.NOT_MENDED, "cleared_too_late")),
    ],
)
def test_it_has_helped_when_the_alerts_cleared_and_stayed_clear(
    firing_now: int, since: float | None, now: float, expected: tuple[State | None, str]
) -> None:
    clear_since = None if since is None else at(since)
    looked = verdict(VERIFY, firing=firing_now, clear_since=clear_since, due_by=at(15), now=at(now))
    assert (looked.state, looked.reason) == expected
