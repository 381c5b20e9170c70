"""Envelopes as the two SDKs write them, and as nobody should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.errors.contract import ErrorReport, read_report
from exporters.errors.envelope import Item, discarded, dsn_key, header_key, read_envelope
from exporters.errors.envelope_event import MESSAGE, Origin, report_members
from exporters.errors.places import places
from exporters.errors.stacks import read_stack
from wedsync_core.problems import Malformed

ID = "9ec79c33ec9942ab8353589fcb2e04dc"
ORIGIN = Origin("booking", None, None)


def test_payloads_with_a_length_may_hold_new_lines() -> None:
    payload = b'{"message":\n"x"}'
    length = str(len(payload)).encode()
    body = b'{"event_id":"%s"}\n{"type":"event","length":%s}\n%s\n{"type":"session"}\n{}' % (
        ID.encode(),
        length,
        payload,
    )
    envelope = read_envelope(body)
    assert envelope.event_id == ID
    assert envelope.items == (Item("event", payload), Item("session", b"{}"))


def test_payloads_without_a_length_end_with_their_line() -> None:
    envelope = read_envelope(b'{}\n{"type":"event"}\n{"a":1}\n{"type":"client_report"}\n{"b":2}')
    assert [item.payload for item in envelope.items] == [b'{"a":1}', b'{"b":2}']
    assert envelope.event_id is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"no json",
        b'{}\n{"type":"event","length":10}\n{}',
        b'{}\n{"type":"event","length":1}\n{}',
        b'{}\n{"type":"event","length":-1}\n{}',
        b'{}\n{"type":"event","length":true}\n{}',
        b'{}\n{"length":2}\n{}',
        b'{}\n{"type":"event","length":' + b"9" * 20_000,
    ],
)
def test_what_does_not_fit_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_envelope(body)


def test_an_unknown_item_is_passed_over() -> None:
    (item,) = read_envelope(b'{}\n{"type":"hologram","length":3}\nabc\n').items
    assert item.label == "other"


@given(st.binary(max_size=300))
def test_nothing_but_malformed_is_ever_raised(body: bytes) -> None:
    for one in (body, b"{}\n" + body, b'{}\n{"type":"event"}\n' + body):
        try:
            read_envelope(one)
        except Malformed:
            continue


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Sentry sentry_key=abc, sentry_version=7, sentry_client=sentry.python/2.75.0", "abc"),
        ("Sentry sentry_version=7,sentry_key=abc", "abc"),
        ("Bearer abc", ""),
        ("Sentry", ""),
        (None, ""),
    ],
)
def test_the_key_in_a_header(header: str | None, key: str) -> None:
    assert header_key(header) == key


def test_the_key_in_a_dsn() -> None:
    assert dsn_key("https://abc@errors.example/4") == "abc"
    assert dsn_key("https://[") == dsn_key(None) == dsn_key("errors.example/4") == ""


def test_what_a_client_threw_away_has_closed_names() -> None:
    told = {
        "discarded_events": [
            {"reason": "ratelimit_backoff", "category": "error", "quantity": 3},
            {"reason": "amara@okafor.example", "category": "error", "quantity": 2},
            {"reason": "ratelimit_backoff", "category": "error", "quantity": -1},
            {"reason": [], "category": {}, "quantity": 1},
            "nonsense",
        ]
    }
    assert discarded(json.dumps(told).encode()) == {
        ("ratelimit_backoff", "error"): 3,
        ("other", "error"): 2,
        ("other", "other"): 1,
    }


def test_a_chain_of_exceptions_is_the_last_one_with_its_causes() -> None:
    def exception(name: str, file: str) -> dict[str, Any]:
        frames = [{"abs_path": f"/srv/{file}", "function": "save", "lineno": 3, "in_app": True, "context_line": " x()"}]
        return {"type": name, "value": f"{name} happened", "module": None, "stacktrace": {"frames": frames}}

    report = _read(
        platform="python", exception={"values": [exception("DbDown", "db.py"), exception("BookingFailed", "book.py")]}
    )
    assert (report.error_type, report.message) == ("BookingFailed", "BookingFailed happened")
    assert report.stack_trace is not None
    assert report.stack_trace.index("DbDown") < report.stack_trace.index("BookingFailed")
    found = places(read_stack(report.stack_trace).frames)
    assert [str(place) for place in found] == ["save in srv/db.py", "save in srv/book.py"]


def test_a_made_up_exception_is_a_message() -> None:
    frames = [{"filename": "http://shop.example/app.js", "function": "pay", "lineno": 1, "colno": 2, "in_app": True}]
    made_up = {"value": "slow", "mechanism": {"synthetic": True}, "stacktrace": {"frames": frames}}
    report = _read(platform="javascript", message="the page is slow", exception={"values": [made_up]})
    assert (report.error_type, report.message, report.level) == (MESSAGE, "the page is slow", "frontend")
    assert [frame.function for frame in places(read_stack(report.stack_trace or "").frames)] == ["pay"]


def test_tags_say_what_the_sdk_cannot() -> None:
    report = _read(
        tags=[["affects", "payment"], ["type", "service_failure"], ["region", "london"]], logentry={"message": "x"}
    )
    assert (report.affects, report.type, report.region) == (["payment"], "service_failure", "london")


@pytest.mark.parametrize(
    "timestamp", [1_764_000_000, 1_764_000_000.5, "2025-11-24T16:00:00.123456Z", "2025-11-24T16:00:00"]
)
def test_moments_in_every_form(timestamp: Any) -> None:
    report = _read(timestamp=timestamp)
    assert report.timestamp is not None
    assert (report.timestamp.year, report.timestamp.hour) == (2025, 16)


def test_an_address_becomes_a_route() -> None:
    assert _read(request={"url": "https://wedsync.example/albums/4711/photos?token=x"}).route == "/albums/*/photos"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_NAMES = (
    *("exception", "message", "logentry", "tags", "user", "request", "contexts", "breadcrumbs", "timestamp", "threads"),
    *("platform", "release", "transaction", "extra", "fingerprint", "level", "sdk", "environment", "stacktrace"),
)


@given(st.dictionaries(st.sampled_from(_NAMES), _JSON | st.fixed_dictionaries({"values": st.lists(_JSON, max_size=3)})))
def test_no_event_can_break_the_translation(event: dict[str, Any]) -> None:
    assert isinstance(read_report(report_members(event, ORIGIN, ID)), ErrorReport)


def _read(**event: Any) -> ErrorReport:
    report = read_report(report_members(event, ORIGIN, ID))
    assert isinstance(report, ErrorReport)
    return report
