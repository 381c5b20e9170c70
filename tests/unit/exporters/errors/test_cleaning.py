"""From a report as it came to one fit to be kept."""

import json
from datetime import timedelta
from typing import Any

from exporters.errors.cleaning import OBJECT_LIMIT, TEXT_LIMITS, CleanReport, clean
from exporters.errors.contract import ErrorReport
from tests.cast import SATURDAY
from wedsync_core.clock import format_timestamp
from wedsync_core.redaction import CUT

GOOD = {"error_type": "PhotoLost", "level": "api", "service": "photos"}


def cleaned(**members: Any) -> CleanReport:
    report = ErrorReport.model_validate(GOOD | members)
    return clean(report, event_id="f" * 32, now=SATURDAY, pseudonym_key=b"key")


def test_secrets_are_taken_out_everywhere() -> None:
    report = cleaned(
        message="sign-in of priya@mail.example failed",
        stack_trace="password = 'hunter2hunter2'",
        route="/reset?token=s3cr3ts3cr3t",
        user_context={"email": "priya@mail.example", "phone": "07700 900123", "address": "x", "payment_info": {}},
        request_data={"headers": {"Authorization": "Bearer s3cr3ts3cr3t"}},
        tags={"db": "postgresql://wed:hunter2hunter2@db/x"},
        browser={"apiKey": "s3cr3ts3cr3t"},
        affects=["priya@mail.example"],
    )
    stored = json.dumps(report.as_json())
    for secret in ("priya", "hunter2", "07700", "s3cr3t"):
        assert secret not in stored
    assert report.redacted >= 8


def test_every_text_has_its_limit_and_says_that_it_was_cut() -> None:
    report = cleaned(**{name: "x y " * limit for name, limit in TEXT_LIMITS.items()})
    for name, limit in TEXT_LIMITS.items():
        assert len(getattr(report, name)) <= limit
        assert getattr(report, name).endswith(CUT)
    assert set(report.cut) == set(TEXT_LIMITS)


def test_objects_have_their_limit_too() -> None:
    huge = {
        "list": ["x" * 100] * 900,
        "text": "y" * 100_000,
        "numbers": [10**4000] * 900,
        "": {str(n): n for n in range(999)},
    }
    report = cleaned(user_context=dict(huge), request_data=dict(huge), tags=dict(huge), other=huge)
    for name in ("user_context", "request_data", "tags", "extra"):
        assert len(json.dumps(getattr(report, name))) < OBJECT_LIMIT * 2
        assert name in report.cut


def test_a_small_report_is_not_cut() -> None:
    report = cleaned(message="one\ntwo", tags={"a": 1, "b": [True, None, 1.5]}, extra_member={"x": "y"})
    assert report.cut == ()
    assert report.message == "one\ntwo"
    assert report.tags == {"a": 1, "b": [True, None, 1.5]}
    assert report.extra == {"extra_member": {"x": "y"}}


def test_labels_to_be_are_one_line() -> None:
    assert cleaned(error_type=" Photo\n Lost\t", service="pho\ntos").error_type == "Photo Lost"


def test_the_user_is_a_pseudonym_that_stays_the_same() -> None:
    one = cleaned(user_context={"email": "priya@mail.example"}).user
    assert one is not None
    assert one == cleaned(user_context={"email": "priya@mail.example", "x": 1}).user
    assert one != cleaned(user_context={"email": "tom@mail.example"}).user
    assert cleaned(user_context={"user_id": 7}).user == cleaned(user_context={"user_id": "7"}).user
    assert cleaned(user_context={"user_id": "", "id": True, "email": None}).user is None


def test_a_timestamp_in_the_future_is_now() -> None:
    for ahead, expected in ((1, SATURDAY), (-1, SATURDAY - timedelta(hours=1))):
        report = cleaned(timestamp=format_timestamp(SATURDAY + timedelta(hours=ahead)))
        assert report.occurred_at == expected
    assert cleaned().occurred_at == SATURDAY


def test_the_server_names_an_event_that_the_client_did_not() -> None:
    assert cleaned().event_id == "f" * 32
    assert cleaned(event_id="A" * 32).event_id == "a" * 32
