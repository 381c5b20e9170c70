"""What may come in, and how a refusal names its field."""

from typing import Any

import pytest

from exporters.errors.contract import MOST_REPORTS, ErrorReport, Refused, read_report, read_submission
from wedsync_core.problems import Invalid

GOOD = {"error_type": "PhotoLost", "level": "api", "service": "photos"}
EVENT = "0af7651916cd43dd8448eb211c80319c"

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no error type": ({"error_type": None}, "error_type"),
    "empty error type": ({"error_type": ""}, "error_type"),
    "blank service": ({"service": " \n"}, "service"),
    "a number for a text": ({"message": 5}, "message"),
    "an unknown level": ({"level": "backend"}, "level"),
    "an unknown type": ({"type": "oops"}, "type"),
    "a list for a service": ({"service": ["photos"]}, "service"),
    "an event id too short": ({"event_id": "abc"}, "event_id"),
    "an event id of other letters": ({"event_id": "z" * 32}, "event_id"),
    "a number for an event id": ({"event_id": 7}, "event_id"),
    "a timestamp without a zone": ({"timestamp": "2026-06-13T14:00:00"}, "timestamp"),
    "a timestamp that is no day": ({"timestamp": "2026-02-30T14:00:00Z"}, "timestamp"),
    "a timestamp beyond the calendar": ({"timestamp": "9999-12-31T23:59:59-23:00"}, "timestamp"),
    "a number for a timestamp": ({"timestamp": 1750000000}, "timestamp"),
    "an object for affects": ({"affects": {}}, "affects"),
    "a number among affects": ({"affects": ["payment", 3]}, "affects"),
    "a text for user_context": ({"user_context": "priya"}, "user_context"),
    "a list for request_data": ({"request_data": []}, "request_data"),
    "a number for a stack": ({"stack_trace": 1}, "stack_trace"),
    "true for a region": ({"region": True}, "region"),
}


@pytest.mark.parametrize(("members", "field"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_type_is_refused_by_name(members: dict[str, Any], field: str) -> None:
    refused = read_report(GOOD | members)
    assert isinstance(refused, Refused)
    assert [problem.field for problem in refused.problem.fields] == [field]
    assert field in refused.problem.detail


@pytest.mark.parametrize("missing", GOOD)
def test_what_must_be_there(missing: str) -> None:
    refused = read_report({name: value for name, value in GOOD.items() if name != missing})
    assert isinstance(refused, Refused)
    assert [problem.field for problem in refused.problem.fields] == [missing]


@pytest.mark.parametrize("item", [None, 1, "text", [], True])
def test_what_is_no_object(item: Any) -> None:
    refused = read_report(item)
    assert isinstance(refused, Refused)
    assert refused.problem.fields[0].field == "(body)"


def test_a_refusal_never_repeats_the_value() -> None:
    refused = read_report(GOOD | {"level": "my-secret-value", "event_id": "my-secret-value"})
    assert isinstance(refused, Refused)
    assert "my-secret-value" not in str(refused.problem.as_json())


def test_null_is_absence() -> None:
    optional = ("region", "route", "release", "environment", "timestamp", "stack_trace", "trace_id", "event_id")
    objects = ("user_context", "request_data", "tags", "affects")
    report = read_report(GOOD | dict.fromkeys((*optional, *objects)))
    assert isinstance(report, ErrorReport)
    assert (report.user_context, report.affects, report.event_id) == ({}, [], None)


@pytest.mark.parametrize("written", [EVENT, EVENT.upper(), "0af76519-16cd-43dd-8448-eb211c80319c"])
def test_an_event_id_is_one_however_it_is_written(written: str) -> None:
    report = read_report(GOOD | {"event_id": written})
    assert isinstance(report, ErrorReport)
    assert report.event_id == EVENT


@pytest.mark.parametrize("written", [["payment", "messaging"], "messaging, payment,", ["payment ", "messaging", ""]])
def test_workflows_are_a_list_or_a_text(written: Any) -> None:
    report = read_report(GOOD | {"affects": written})
    assert isinstance(report, ErrorReport)
    assert report.affects == ["messaging", "payment"]


def test_a_workflow_nobody_knows_yet_is_kept() -> None:
    report = read_report(GOOD | {"affects": ["gallery"]})
    assert isinstance(report, ErrorReport)
    assert report.affects == ["gallery"]


def test_one_a_batch_and_a_bare_list() -> None:
    assert read_submission(GOOD).single
    assert not read_submission({"errors": [GOOD]}).single
    assert len(read_submission([GOOD, GOOD]).reports) == 2


def test_a_bad_item_stays_in_its_place_and_is_named_by_it() -> None:
    reports = read_submission({"errors": [GOOD, GOOD | {"level": 1}, 7]}).reports
    assert isinstance(reports[0], ErrorReport)
    fields = [report.problem.fields[0].field for report in reports if isinstance(report, Refused)]
    assert fields == ["errors.1.level", "errors.2"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (None, "(body)"),
        ("text", "(body)"),
        (3, "(body)"),
        ({"errors": {}}, "errors"),
        ({"errors": None}, "errors"),
        ([], "errors"),
        ({"errors": [{}] * (MOST_REPORTS + 1)}, "errors"),
    ],
)
def test_a_body_that_is_neither_is_refused_whole(body: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_submission(body)
    assert refused.value.fields[0].field == field


def test_what_is_not_in_the_contract_is_kept() -> None:
    report = read_report(GOOD | {"browser": {"name": "x"}})
    assert isinstance(report, ErrorReport)
    assert report.model_extra == {"browser": {"name": "x"}}
