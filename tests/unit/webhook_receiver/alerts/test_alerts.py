"""Reading alerts: whatever is in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.alerts.contract import NotUnderstood, read_alert, read_message

LABELS = {"alertname": "WorkflowFailing", "region": "london"}


def test_an_alert_without_a_fingerprint_gets_one_from_its_labels_alone() -> None:
    first = read_alert({"status": "firing", "labels": LABELS, "annotations": {"summary": "a"}}, SATURDAY)
    second = read_alert({"status": "resolved", "labels": dict(reversed(LABELS.items()))}, SATURDAY)
    other = read_alert({"status": "firing", "labels": {**LABELS, "region": "sydney"}}, SATURDAY)

    assert first.fingerprint == second.fingerprint != other.fingerprint


def test_go_zero_time_is_no_end() -> None:
    alert = {"status": "firing", "labels": LABELS, "endsAt": "0001-01-01T00:00:00Z"}

    assert read_alert(alert, SATURDAY).ends_at is None


def test_over_long_text_is_cut_and_not_refused() -> None:
    alert = {"status": "firing", "labels": {**LABELS, "x": "y" * 10_000}, "annotations": {"k" * 999: "v"}}

    read = read_alert(alert, SATURDAY)

    assert len(read.labels["x"]) == 4096
    assert max(len(name) for name in read.annotations) == 256


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_no_value_breaks_the_reading_of_a_message(value: object) -> None:
    try:
        read_message(value)
    except NotUnderstood:
        return


@given(
    st.fixed_dictionaries(
        {"status": st.sampled_from(["firing", "resolved", "odd"]), "labels": json_values},
        optional={
            "annotations": json_values,
            "startsAt": json_values,
            "endsAt": json_values,
            "fingerprint": json_values,
            "generatorURL": json_values,
        },
    )
)
def test_no_value_breaks_the_reading_of_an_alert(value: dict[str, object]) -> None:
    try:
        read = read_alert(value, SATURDAY)
    except NotUnderstood:
        return
    assert read.starts_at <= SATURDAY
    assert read.fingerprint
    for text in (*read.labels, *read.labels.values(), *read.annotations.values()):
        text.encode()


@pytest.mark.parametrize(
    ("labels", "fingerprint"),
    [
        ({"alertname": "X"}, "d2aeefc389ca7746"),
        (
            {"alertname": "WorkflowFailing", "severity": "critical", "region": "london", "summary": "Zoë \u2013 fête"},
            "ee3d66cb1fd195a7",
        ),
    ],
)
def test_a_fingerprint_left_out_is_made_as_alertmanager_makes_it(labels: dict[str, str], fingerprint: str) -> None:
    """The expected ones were answered by Alertmanager 0.33."""
    assert read_alert({"status": "firing", "labels": labels}, SATURDAY).fingerprint == fingerprint
