"""Errors of one story: the database that fails, the answer that fails by it, and the page that a couple sees."""

from __future__ import annotations

from typing import Any

from tests.error_desk import ErrorDesk, lost_photo

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def told(desk: ErrorDesk, **members: Any) -> str:
    answer = desk.report(lost_photo(**members))
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["errorId"])


def related(desk: ErrorDesk, error: str, **limits: Any) -> Any:
    answer = desk.call("POST", "/correlate", json={"errorId": error, **limits})
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def test_one_trace_is_one_story_in_causal_order(saturday_desk: ErrorDesk) -> None:
    page = told(saturday_desk, level="frontend", error_type="PageFailed", message="a", trace_id=TRACE)
    answer = told(saturday_desk, level="api", error_type="AnswerFailed", message="b", trace_id=TRACE)
    database = told(saturday_desk, level="database", error_type="Deadlock", message="c", trace_id=TRACE)
    stranger = told(saturday_desk, error_type="CakeMissing", service="booking", message="d")
    found = related(saturday_desk, page)
    assert found["baseError"]["errorId"] == page
    assert {one["errorId"] for one in found["correlatedErrors"]} == {answer, database}
    assert {one["relation"] for one in found["correlatedErrors"]} == {"same_trace"}
    assert [one["errorId"] for one in found["story"]] == [database, answer, page]
    assert found["impactAssessment"]["rootCause"] == database
    assert found["impactAssessment"]["levels"] == ["database", "api", "frontend"]
    assert stranger not in {one["errorId"] for one in found["correlatedErrors"]}


def test_a_third_party_s_outage_is_under_what_fails_by_it(saturday_desk: ErrorDesk) -> None:
    outage = told(saturday_desk, level="third_party", error_type="ProviderDown", message="a")
    saturday_desk.clock.advance(seconds=5)
    symptom = told(saturday_desk, error_type="ChargeFailed", message="b")
    found = related(saturday_desk, symptom)
    assert [one["relation"] for one in found["correlatedErrors"]] == ["third_party_outage"]
    assert [one["errorId"] for one in found["story"]] == [outage, symptom]


def test_what_is_far_in_time_or_unlike_is_not_related(saturday_desk: ErrorDesk) -> None:
    first = told(saturday_desk, error_type="One", message="a", route="/albums", release="1")
    saturday_desk.clock.advance(seconds=200)
    second = told(saturday_desk, error_type="Two", message="b", route="/albums", release="1")
    assert [one["errorId"] for one in related(saturday_desk, first)["correlatedErrors"]] == [second]
    assert related(saturday_desk, first, timeWindow=1_000)["correlatedErrors"] == []
    assert related(saturday_desk, first, contextSimilarity=0.95)["correlatedErrors"] == []


def test_wrong_questions_are_named(saturday_desk: ErrorDesk) -> None:
    assert saturday_desk.call("POST", "/correlate", json={"errorId": "0" * 32}).status_code == 404
    wrong = saturday_desk.call("POST", "/correlate", json={"errorId": "x", "timeWindow": 0})
    assert wrong.status_code == 422
    assert "timeWindow" in wrong.text


STACK = "".join(
    f'  File "/srv/photos/{name}.py", line 3, in {name}\n' for name in ("serve", "handle", "upload", "store")
)


def test_a_stack_that_is_alike_joins_and_one_that_is_not_is_told(saturday_desk: ErrorDesk) -> None:
    def group(stack: str) -> str:
        answer = saturday_desk.report(lost_photo(stack_trace=f"Traceback (most recent call last):\n{stack}"))
        return str(answer.get_json()["groupId"])

    one = group(STACK)
    joined = group(STACK.replace("serve", "work").replace("handle", "queue"))
    other = group(STACK.replace("store", "encode").replace("upload", "shrink"))
    assert joined == one
    assert other != one
    shown = saturday_desk.get(f"/groups/{one}")
    assert [key["how"] for key in shown["groupingKeys"]] == ["opened", "likeness"]
