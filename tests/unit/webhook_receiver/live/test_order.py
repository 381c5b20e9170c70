"""Nothing that a listener would miss on its return is told out of order."""

from hypothesis import given
from hypothesis import strategies as st

from webhook_receiver.live.order import PATIENCE_SECONDS, in_order


def test_what_follows_is_told_at_once() -> None:
    assert in_order(4, [5, 6, 7], 0) == 3
    assert in_order(4, [], 0) == 0


def test_a_missing_number_is_waited_for_and_then_given_up() -> None:
    assert in_order(4, [5, 7, 8], 0) == 1
    assert in_order(5, [7, 8], PATIENCE_SECONDS / 2) == 0
    assert in_order(5, [7, 8], PATIENCE_SECONDS) == 2


def test_each_gap_is_waited_for_by_itself() -> None:
    assert in_order(5, [7, 8, 10, 11], PATIENCE_SECONDS) == 2


@given(st.sets(st.integers(1, 60), min_size=1))
def test_everything_is_told_once_and_in_order(committed: set[int]) -> None:
    """Whatever numbers exist at the end: with waits for each gap, all of them are told."""
    numbers, told, waited = sorted(committed), 0, 0.0
    heard: list[int] = []
    while numbers:
        length = in_order(told, numbers, waited)
        waited = 0.0 if length else PATIENCE_SECONDS
        heard += numbers[:length]
        told, numbers = (numbers[length - 1] if length else told), numbers[length:]
    assert heard == sorted(committed)
