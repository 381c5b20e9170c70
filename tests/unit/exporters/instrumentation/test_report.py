"""What a report says of an error, and what it must never say."""

import json
import sqlite3
from datetime import datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from exporters.instrumentation.report import (
    LONGEST_STACK,
    LONGEST_TEXT,
    Circumstances,
    Origin,
    build_report,
    level_of,
    plain,
)
from tests.cast import SATURDAY, SUPPLIER

ORIGIN = Origin("payment", "2026.6.1", "demo")
EVENT_ID = "0" * 32


def raised(error: Exception) -> Exception:
    secret_in_a_local = "sk_live_not_in_the_report"  # noqa: F841 - it is in the frame, and must stay there
    try:
        raise error  # noqa: TRY301 - here, for the frame
    except Exception as caught:  # noqa: BLE001 - the test wants the traceback
        return caught


def report(error: Exception, circumstances: Circumstances | None = None) -> dict[str, Any]:
    return build_report(error, ORIGIN, circumstances or Circumstances(), event_id=EVENT_ID, at=SATURDAY)


def test_a_report_keeps_to_the_contract_of_the_error_room() -> None:
    where = Circumstances(
        type="service_failure",
        level="third_party",
        affects=("payment",),
        region="london",
        route="/payments",
        method="POST",
        path="/payments",
        trace_id="a" * 32,
        user_context={"role": "supplier"},
        tags={"provider": "fake"},
    )
    found = report(raised(TimeoutError("the provider did not answer")), where)
    stack = found.pop("stack_trace")
    assert found == {
        "event_id": EVENT_ID,
        "error_type": "TimeoutError",
        "message": "the provider did not answer",
        "level": "third_party",
        "service": "payment",
        "type": "service_failure",
        "affects": ["payment"],
        "region": "london",
        "route": "/payments",
        "release": "2026.6.1",
        "environment": "demo",
        "timestamp": "2026-06-13T14:00:00.000Z",
        "user_context": {"role": "supplier"},
        "request_data": {"method": "POST", "url": "/payments"},
        "trace_id": "a" * 32,
        "tags": {"provider": "fake"},
    }
    assert "in raised" in stack
    assert stack.rstrip().endswith("TimeoutError: the provider did not answer")


def test_local_variables_are_not_reported() -> None:
    assert "sk_live" not in json.dumps(report(raised(ValueError("no"))))


def test_outside_a_request_there_is_no_request_data() -> None:
    assert report(raised(ValueError("no")))["request_data"] == {}


def test_a_database_error_behind_another_is_of_the_database() -> None:
    wrapped = RuntimeError("upload failed")
    wrapped.__cause__ = sqlite3.OperationalError("unable to open database file")
    assert level_of(wrapped) == "database"
    assert level_of(requests.ConnectionError("refused")) == "third_party"
    assert level_of(KeyError("venue")) == "api"


def test_a_chain_of_causes_that_bites_its_own_tail_ends() -> None:
    first, second = ValueError("one"), ValueError("two")
    first.__context__, second.__context__ = second, first
    assert level_of(first) == "api"
    assert report(first)["error_type"] == "ValueError"


def test_an_endless_recursion_is_cut_to_size() -> None:
    def deeper(level: int) -> int:
        return deeper(level + 1) + 1

    with pytest.raises(RecursionError) as caught:
        deeper(0)
    found = build_report(caught.value, ORIGIN, Circumstances(), event_id=EVENT_ID, at=SATURDAY)
    assert len(found["stack_trace"]) < LONGEST_STACK + 100


def test_a_long_message_is_cut_at_the_end_and_a_long_stack_at_the_beginning() -> None:
    found = report(raised(ValueError("x" * 100_000)))
    assert found["message"] == "x" * LONGEST_TEXT
    assert found["stack_trace"].startswith("(beginning cut)")
    assert len(found["stack_trace"]) < LONGEST_STACK + 100


def test_an_error_that_cannot_describe_itself_is_still_reported() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    assert report(raised(Mute()))["error_type"] == "Mute"


def test_text_that_cannot_be_encoded_is_replaced() -> None:
    found = report(raised(ValueError("caf\ud800\x00")))
    assert found["message"] == "caf\ufffd\ufffd"
    json.dumps(found, ensure_ascii=False).encode("utf-8")


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 6, 13, 14, 0)  # noqa: DTZ001 - naive on purpose
    with pytest.raises(ValueError, match="time zone"):
        build_report(ValueError("no"), ORIGIN, Circumstances(), event_id=EVENT_ID, at=naive)


def test_an_unknown_object_is_named_and_never_shown() -> None:
    class Credentials:
        def __repr__(self) -> str:
            return "password=hunter2"

        __str__ = __repr__

    assert plain({"user": SUPPLIER, "held": Credentials()}) == {"user": SUPPLIER, "held": "<Credentials>"}


JSON_OR_WORSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner),
    max_leaves=30,
)


@given(JSON_OR_WORSE)
def test_whatever_a_service_adds_becomes_json_that_every_parser_takes(value: object) -> None:
    json.dumps(plain(value), allow_nan=False, ensure_ascii=False).encode("utf-8")
