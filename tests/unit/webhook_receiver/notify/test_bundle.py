"""What one message about many incidents says."""

import re

from hypothesis import given
from hypothesis import strategies as st

from webhook_receiver.notify.bundle import compose_bundle, fitting
from webhook_receiver.notify.message import Mentioned, Page

MAIL, TEXT = 16_000, 1_500
SEVERITIES = ("critical", "high", "medium", "low")


def about(number: int, severity: str, title: str) -> Mentioned:
    return Mentioned(str(number), severity, f"[{severity.upper()}] {title}")


def bundle(*mentioned: Mentioned, longest: int = MAIL) -> Page:
    return compose_bundle(mentioned, "http://wedsync.example", impact="high", level=1, longest=longest)


def named(page: Page) -> set[int]:
    """The numbers that the text names, ranges spelt out."""
    numbers: set[int] = set()
    for first, last in re.findall(r"#(\d+)(?:-#(\d+))?", page.body):
        numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


def test_critical_ones_come_first_then_high_ones_and_the_rest_is_counted() -> None:
    page = bundle(
        about(3, "critical", "Photo uploads are failing (london)"),
        about(4, "critical", "Photo uploads are failing (london)"),
        about(9, "critical", "Payments fail"),
        about(1, "high", "Messages are late"),
        about(5, "low", "A disk fills"),
    )

    assert page.subject == "[CRITICAL] 5 incidents: 3 critical, 1 high, 1 low"
    assert page.body.splitlines() == [
        "5 incidents: 3 critical, 1 high, 1 low.",
        "Critical:",
        "#3-#4 Photo uploads are failing (london)",
        "#9 Payments fail",
        "High:",
        "#1 Messages are late",
        "All of them: http://wedsync.example/api/monitoring/incidents/active",
    ]
    assert [one.incident_id for one in page.incidents] == ["3", "4", "9", "1", "5"]


def test_an_incident_told_of_twice_is_one() -> None:
    page = bundle(
        about(3, "critical", "Uploads fail"), about(3, "critical", "AGAIN Uploads fail"), about(4, "low", "x")
    )

    assert page.subject == "[CRITICAL] 2 incidents: 1 critical, 1 low"


def test_a_secret_in_a_title_does_not_leave_by_this_door_either() -> None:
    page = bundle(about(1, "critical", "token=ghp_0123456789abcdefghijABCDEFGHIJ012345 refused"), about(2, "low", "x"))

    assert "ghp_0123" not in page.body


def test_ten_thousand_of_one_cause_fit_into_a_text_message() -> None:
    storm = [about(number, "critical", "Photo uploads are failing") for number in range(1, 10_001)]

    assert fitting(storm, TEXT) == 10_000
    page = bundle(*storm, longest=TEXT)
    assert named(page) == set(range(1, 10_001))
    assert len(page.body) <= TEXT


@given(
    st.lists(st.tuples(st.sampled_from(SEVERITIES), st.text(max_size=200)), min_size=1, max_size=120),
    st.sampled_from([800, TEXT, MAIL]),
)
def test_a_message_is_bounded_and_names_every_critical_incident_it_takes(
    given_incidents: list[tuple[str, str]], longest: int
) -> None:
    ordered = sorted(given_incidents, key=lambda one: SEVERITIES.index(one[0]))
    storm = [about(2 * number, severity, title) for number, (severity, title) in enumerate(ordered, start=1)]

    taken = storm[: fitting(storm, longest)]
    assert taken, "a message takes something"
    page = bundle(*taken, longest=longest)
    assert len(page.body) <= longest
    assert named(page) >= {int(one.incident_id) for one in taken if one.severity == "critical"}
    if len(taken) < len(storm):
        assert all(one.severity == "critical" for one in taken), "only for want of room is anything left"
