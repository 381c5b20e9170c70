"""Attempts at the workflows a wedding depends on, and calls to third parties."""

from collections.abc import Callable
from typing import Any

import pytest

from exporters.instrumentation import Instrumentation

ATTEMPTS = "wedsync_workflow_attempts_total"
DURATION = "wedsync_workflow_duration_seconds"
CALLS = "wedsync_dependency_requests_total"
Build = Callable[..., Any]


def outcomes(service: Any, region: str = "london") -> dict[str, float]:
    return {
        outcome: service.value(ATTEMPTS, workflow="payment", region=region, outcome=outcome)
        for outcome in ("success", "failure", "lost")
    }


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("pay", {"success": 1, "failure": 0, "lost": 0}),
        ("raise", {"success": 0, "failure": 1, "lost": 0}),
        ("fail", {"success": 0, "failure": 1, "lost": 0}),
        ("lose", {"success": 1, "failure": 0, "lost": 2}),
        ("mistake", {"success": 0, "failure": 0, "lost": 0}),
    ],
)
def test_an_attempt_is_counted_by_how_it_went(payments: Build, how: str, expected: dict[str, float]) -> None:
    service = payments()
    service.ask("/payments", "POST", json={"how": how, "region": "london"})
    assert outcomes(service) == expected


@pytest.mark.parametrize("region", ["atlantis", "London", None, 7, ["london"], "\ud800"])
def test_a_region_nobody_knows_is_other(payments: Build, region: object) -> None:
    service = payments()
    service.ask("/payments", "POST", json={"region": region})
    assert outcomes(service, "other")["success"] == 1
    assert service.ask("/metrics")[0] == 200


def test_an_attempt_has_a_duration_and_an_exemplar_of_its_request(payments: Build) -> None:
    service = payments()
    service.ask("/payments", "POST", json={"region": "sydney"})
    assert service.value(f"{DURATION}_count", workflow="payment", region="sydney") == 1
    attempt = [sample.exemplar for sample in service.scrape(f"{DURATION}_bucket") if sample.exemplar]
    request = [s.exemplar for s in service.scrape("wedsync_http_request_duration_seconds_bucket") if s.exemplar]
    assert attempt[0].labels["trace_id"] == request[0].labels["trace_id"]


def test_a_decorated_function_is_an_attempt_each_time_it_is_called(payments: Build) -> None:
    service = payments()
    instrumentation: Instrumentation = service.instrumentation

    @instrumentation.workflow("payment", region="london")
    def settle(amount: int) -> int:
        if amount < 0:
            raise ValueError("amount")
        return amount

    assert [settle(1), settle(2)] == [1, 2]
    with pytest.raises(ValueError, match="amount"):
        settle(-1)
    assert outcomes(service) == {"success": 2, "failure": 1, "lost": 0}


def test_a_workflow_that_does_not_exist_is_refused_where_it_is_written(payments: Build) -> None:
    with pytest.raises(ValueError, match="no workflow"):
        payments().instrumentation.workflow("pament")


def test_losses_found_later_are_counted_without_an_attempt(payments: Build) -> None:
    service = payments()
    service.instrumentation.lost("payment", 3, region="london")
    assert outcomes(service) == {"success": 0, "failure": 0, "lost": 3}
    assert service.value(f"{DURATION}_count", workflow="payment", region="london") is None


def test_a_third_party_stands_at_zero_once_named_and_its_failures_are_counted(payments: Build) -> None:
    service = payments()
    instrumentation: Instrumentation = service.instrumentation
    provider = instrumentation.dependency("payment_provider")
    for outcome in ("success", "failure"):
        assert service.value(CALLS, dependency="payment_provider", outcome=outcome) == 0
    with provider as call:
        assert call.headers["traceparent"].startswith("00-")
    with pytest.raises(TimeoutError), instrumentation.dependency("payment_provider"):
        raise TimeoutError
    with instrumentation.dependency("payment_provider") as call:
        call.fail()
    assert service.value(CALLS, dependency="payment_provider", outcome="success") == 1
    assert service.value(CALLS, dependency="payment_provider", outcome="failure") == 2
