"""JSON from strangers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wedsync_core.jsontext import DEEPEST, encodable, parse_json
from wedsync_core.problems import Malformed


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\xff", "not UTF-8: byte 0"),
        (b"{", "not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
        (b"NaN", "NaN is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b"1e400", "number out of range"),
        (b"9" * 5000, "Exceeds the limit"),
        (b'{"a":1,"a":2}', "the name 'a' is given twice"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "nests deeper than 32 levels"),
        (b"[" * 100_000, "nests deeper than 32 levels"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_reason(body: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=r".*") as refused:
        parse_json(body)
    assert said in str(refused.value)


def test_brackets_inside_strings_are_no_nesting() -> None:
    assert parse_json(json.dumps({"stack": "[[{{" * 1000 + '\\"['}).encode())["stack"].startswith("[[{{")


def test_nul_and_lone_surrogates_become_the_replacement_character() -> None:
    assert parse_json(b'{"a\\u0000":["x\\ud800y","\\ud83d\\ude00"]}') == {"a\ufffd": ["x\ufffdy", "\U0001f600"]}


@given(st.text(st.characters(codec=None)))
def test_every_text_becomes_encodable_and_stays_so(text: str) -> None:
    once = encodable(text)
    once.encode("utf-8")
    assert "\x00" not in once
    assert encodable(once) == once


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_ordinary_json_arrives_unchanged(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value
