"""Bodies meant to break things: each is refused by name or stored by rule, on both databases, and never a 5xx."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.error_desk import TOKENS, ErrorDesk, lost_photo
from wedsync_core.web.auth import Role

GOOD = json.dumps(lost_photo())


def raw(**members: str) -> bytes:
    """One good report with members written as raw JSON."""
    extra = ", ".join(f"{json.dumps(name)}: {text}" for name, text in members.items())
    plain = {name: value for name, value in lost_photo().items() if name not in members}
    return f"{json.dumps(plain)[:-1]}, {extra}}}".encode("utf-8", "surrogatepass")


BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "no json": (b"error!", 400),
    "half a report": (GOOD[:-5].encode(), 400),
    "no utf-8": (b'{"error_type": "\xff\xfe"}', 400),
    "not a number": (raw(tags='{"n": NaN}'), 400),
    "infinity": (raw(tags='{"n": -Infinity}'), 400),
    "beyond a double": (raw(tags='{"n": 1e400}'), 400),
    "an integer of 5,000 digits": (raw(tags='{"n": %s}' % ("9" * 5000)), 400),
    "nested 100,000 deep": (raw(tags="[" * 100_000 + "]" * 100_000), 400),
    "nested 100,000 objects deep": (raw(tags='{"a":' * 100_000 + "1" + "}" * 100_000), 400),
    "a name given twice": (raw(level='"api"', message='"a", "message": "b"'), 400),
    "an integer beyond 64 bits": (raw(tags='{"n": 18446744073709551616}'), 201),
    "an integer of 4,000 digits": (raw(tags='{"n": %s}' % ("9" * 4000)), 201),
    "minus zero and exponents": (raw(tags='{"n": -0.0, "m": 1E-320}'), 201),
    "nul": (raw(message='"a\\u0000b"', error_type='"Photo\\u0000Lost"', route='"\\u0000"'), 201),
    "nul in a name": (raw(tags='{"a\\u0000": "b\\u0000"}'), 201),
    "a lone surrogate": (raw(message='"\\ud800"', service='"\\udfff"', tags='{"\\ud83d": "\\ud83d"}'), 201),
    "a lone surrogate in unknown members": (b'{"\\ud800": ["\\ud800"], ' + raw()[1:].rstrip(b", }") + b"}", 201),
    "every control character": (raw(message=json.dumps("".join(map(chr, range(32))))), 201),
    "line breaks for the log": (raw(error_type='"A\\r\\nlevel=critical fake=1"'), 201),
    "markup": (raw(message='"<script>alert(1)</script>"'), 201),
    "sql": (raw(error_type='"\'; DROP TABLE error_groups; --"', region='"x\' OR 1=1"'), 201),
    "templates": (raw(message='"{{7*7}} ${jndi:ldap://x} %s %n {0.__class__}"'), 201),
    "right-to-left and zero width": (raw(error_type='"\\u202eevil\\u200b"'), 201),
    "a message of a megabyte": (raw(message=json.dumps("x " * 500_000)), 201),
    "a stack of a megabyte": (raw(stack_trace=json.dumps('  File "a.py", line 1, in f\n' * 35_000)), 201),
    "ten thousand members": (raw(tags=json.dumps({f"k{n}": n for n in range(10_000)})), 201),
    "a hundred thousand items": (raw(tags=json.dumps({"a": [0] * 100_000})), 201),
    "names of a hundred thousand characters": (raw(tags=json.dumps({"n" * 100_000: 1})), 201),
    "empty texts": (raw(message='""', region='""', route='""', trace_id='""'), 201),
    "blank type": (raw(error_type='" \\n "'), 422),
    "the year 1": (raw(timestamp='"0001-01-01T00:00:00Z"'), 201),
    "the year 9999": (raw(timestamp='"9999-12-31T23:59:59.999999999Z"'), 201),
    "the year 1 with an offset": (raw(timestamp='"0001-01-01T00:00:00+23:59"'), 422),
    "a leap second": (raw(timestamp='"2026-06-30T23:59:60Z"'), 422),
    "more than two megabytes": (raw(message=json.dumps("x" * 2_200_000)), 413),
    "a thousand and one": (json.dumps([1] * 1001).encode(), 422),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES.keys())
def test_a_hostile_body(saturday_desk: ErrorDesk, body: bytes, status: int) -> None:
    answer = send(saturday_desk, body)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.content_type == "application/problem+json"
        assert answer.get_json()["detail"]
    else:
        # It can be shown, counted, scraped and told to Alertmanager as well.
        assert saturday_desk.get("?groupBy=error_type")["total"] == 1
        assert saturday_desk.get("/groups/1")["occurrences"] == 1
        assert saturday_desk.poster.turn() == 1
        metrics = saturday_desk.app.test_client().get("/metrics", headers=bearer(Role.VIEWER))
        assert metrics.status_code == 200
        assert b"\nwedsync_errors_total{" in metrics.data


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(), max_size=20),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(st.characters()), inner, max_size=3)),
    max_leaves=10,
)
MEMBERS = st.dictionaries(
    st.sampled_from(
        ["event_id", "error_type", "message", "level", "service", "type", "affects", "region", "route", "release"]
    )
    | st.sampled_from(["environment", "timestamp", "stack_trace", "user_context", "request_data", "trace_id", "tags"])
    | st.text(st.characters(), max_size=5),
    JSON_VALUES,
    max_size=5,
)


@given(st.one_of(JSON_VALUES, MEMBERS, st.lists(MEMBERS, max_size=3).map(lambda errors: {"errors": errors})))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_answered_for(saturday_desk: ErrorDesk, body: Any) -> None:
    if isinstance(body, dict) and "errors" not in body:
        body = lost_photo() | body
    answer = send(saturday_desk, json.dumps(body).encode())
    assert answer.status_code in {200, 201, 400, 422}, answer.text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("timeRange=forever", "timeRange"),
        ("timeRange=0h", "timeRange"),
        ("timeRange=999999d", "timeRange"),
        ("severity=bad", "severity"),
        ("groupBy=report", "groupBy"),
        ("groupBy=severity;drop", "groupBy"),
        ("limit=0", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("limit=1e3", "limit"),
        ("cursor=-1", "cursor"),
        ("cursor=%D9%A3", "cursor"),
    ],
)
def test_a_hostile_question(saturday_desk: ErrorDesk, query: str, field: str) -> None:
    answer = saturday_desk.call("GET", f"?{query}")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == field


@pytest.mark.parametrize("cursor", ["x", "~", "2026-06-13T14:00:00Z~", "~5", "9999-12-31T23:59:59-23:00~1", "%00~1"])
def test_a_hostile_cursor_of_groups(saturday_desk: ErrorDesk, cursor: str) -> None:
    answer = saturday_desk.call("GET", f"/groups?cursor={cursor}")
    assert (answer.status_code, answer.get_json()["errors"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize("group_id", ["0", "7", "9" * 40])
def test_a_group_that_is_not_there(saturday_desk: ErrorDesk, group_id: str) -> None:
    assert saturday_desk.call("GET", f"/groups/{group_id}").status_code == 404


def send(desk: ErrorDesk, body: bytes) -> Any:
    headers = bearer(Role.INGEST) | {"Content-Type": "application/json"}
    return desk.app.test_client().post("/api/monitoring/errors", data=body, headers=headers)


def bearer(role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[role]}"}
