"""What a listener may say."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_receiver.live.contract import Wish, read_wish
from wedsync_core.problems import Invalid, Problem


def test_channels_of_every_kind_open_and_close() -> None:
    channels = [
        "alerts:critical",
        "alerts:payment-gateway.eu",
        "metrics:all",
        "metrics:http",
        "incidents:all",
        "incidents:42",
    ]
    assert read_wish(json.dumps({"type": "subscribe", "channels": channels})) == Wish(True, frozenset(channels))
    assert read_wish('{"type": "unsubscribe", "channels": ["metrics:all"]}') == Wish(False, frozenset({"metrics:all"}))
    assert read_wish('{"type": "subscribe", "channels": ["incidents:all"], "after": 7}').after == 7


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ([], "(body)"),
        ({"type": "shout", "channels": ["metrics:all"]}, "type"),
        ({"channels": ["metrics:all"]}, "type"),
        ({"type": "subscribe"}, "channels"),
        ({"type": "subscribe", "channels": []}, "channels"),
        ({"type": "subscribe", "channels": "metrics:all"}, "channels"),
        ({"type": "subscribe", "channels": ["metrics:all"] * 101}, "channels"),
        ({"type": "subscribe", "channels": ["metrics:all", "secrets:all"]}, "channels.1"),
        ({"type": "subscribe", "channels": ["incidents:0"]}, "channels.0"),
        ({"type": "subscribe", "channels": ["alerts:"]}, "channels.0"),
        ({"type": "subscribe", "channels": [["metrics:all"]]}, "channels.0"),
        ({"type": "subscribe", "channels": ["metrics:all"], "after": -1}, "after"),
        ({"type": "subscribe", "channels": ["metrics:all"], "after": True}, "after"),
        ({"type": "subscribe", "channels": ["metrics:all"], "after": 2**63}, "after"),
        ({"type": "unsubscribe", "channels": ["metrics:all"], "after": 3}, "after"),
        ({"type": "subscribe", "channels": ["metrics:all"], "token": "x"}, "token"),
    ],
)
def test_what_is_wrong_is_named(wish: Any, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_wish(json.dumps(wish))
    assert [one.field for one in refused.value.fields] == [field]


@given(st.text())
def test_any_text_is_a_wish_or_a_problem(text: str) -> None:
    with suppress(Problem):
        assert read_wish(text).channels
