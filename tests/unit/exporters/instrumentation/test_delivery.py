"""What an answer means, and how long to wait before trying again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.instrumentation.delivery import Backoff, Verdict, judge


@pytest.mark.parametrize("status", [200, 201, 202, 207])
def test_any_2xx_is_delivered(status: int) -> None:
    assert judge(status) is Verdict.DELIVERED


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refusal_of_the_content_is_final(status: int) -> None:
    assert judge(status) is Verdict.REFUSED


@pytest.mark.parametrize("status", [None, 301, 401, 403, 404, 408, 429, 500, 502, 503])
def test_everything_that_may_be_mended_is_tried_again(status: int | None) -> None:
    assert judge(status) is Verdict.LATER


def test_waits_double_up_to_the_ceiling_and_end() -> None:
    backoff = Backoff(first=1, ceiling=8, attempts=6)
    assert [backoff.delay(attempt, 0.0) for attempt in range(1, 7)] == [1, 2, 4, 8, 8, None]


@given(
    attempt=st.integers(1, 10_000),
    spread=st.floats(0, 1, exclude_max=True),
    asked=st.none() | st.floats(0, 1e9),
)
def test_a_wait_is_never_above_the_ceiling_nor_below_half_its_step(
    attempt: int, spread: float, asked: float | None
) -> None:
    backoff = Backoff(first=0.5, ceiling=30, attempts=10_001)
    delay = backoff.delay(attempt, spread, asked)
    assert delay is not None
    assert 0.25 <= delay <= 30


def test_the_server_may_ask_for_more_patience_within_the_ceiling() -> None:
    backoff = Backoff(first=1, ceiling=30, attempts=5)
    assert backoff.delay(1, 0.0, asked=12) == 12
    assert backoff.delay(1, 0.0, asked=86_400) == 30


def test_the_default_outlasts_a_restart_of_the_exporters() -> None:
    backoff = Backoff()
    waits = [backoff.delay(attempt, 0.999) for attempt in range(1, backoff.attempts)]
    assert sum(wait for wait in waits if wait is not None) > 240
