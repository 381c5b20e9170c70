"""Whether a failed page goes again."""

from datetime import timedelta

from tests.cast import SATURDAY
from webhook_receiver.notify.retry import MOST_ATTEMPTS, after_failure


def test_a_temporary_failure_is_tried_again_soon_and_then_more_slowly() -> None:
    delays = [after_failure(attempt, permanent=False, now=SATURDAY).at for attempt in range(1, 9)]

    assert [(at - SATURDAY).total_seconds() for at in delays if at] == [1, 2, 5, 10, 20, 30, 60, 60]


def test_the_whole_of_it_outlasts_the_longest_step_of_any_shipped_policy() -> None:
    waits = (after_failure(attempt, permanent=False, now=SATURDAY).at for attempt in range(1, MOST_ATTEMPTS))
    total = sum(((at - SATURDAY) for at in waits if at), timedelta())

    assert total > timedelta(minutes=30)


def test_a_permanent_refusal_and_an_endless_one_are_given_up_with_a_reason() -> None:
    assert after_failure(1, permanent=True, now=SATURDAY).reason == "permanent_refusal"
    assert after_failure(MOST_ATTEMPTS, permanent=False, now=SATURDAY).reason == "attempts_exhausted"
    assert after_failure(MOST_ATTEMPTS, permanent=False, now=SATURDAY).at is None


def test_a_provider_that_asks_for_patience_gets_some_and_not_any() -> None:
    def waits(seconds: int, attempt: int = 1) -> float:
        retry = after_failure(attempt, permanent=False, now=SATURDAY, asked=timedelta(seconds=seconds))
        assert retry.at is not None
        return (retry.at - SATURDAY).total_seconds()

    assert waits(30) == 30
    assert waits(86_400) == 120
    assert waits(1, attempt=7) == 60, "never sooner than it would be tried anyway"
