"""Properties: it never raises, a second run changes nothing, and a planted secret does not survive."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wedsync_core.redaction import pseudonym, redact, redact_text

# Every code point, lone surrogates and NUL included, and texts made of the pieces the rules look for.
ANY_TEXT = st.text(st.characters(), max_size=60)
_WORDS = r"""password token Cookie email authorization Bearer Basic eyJabcdefgh a b.co 41 11 +44 0770 GB82 WEST str None
    x( ( ) [ ] { } , ; & -- - = : " ' \ \" . @ :// / %3D %40 < > </ [REDACTED] [CUT] é"""
PIECES = st.sampled_from(
    [*_WORDS.split(), "4111 1111 1111 1111", "-----BEGIN PRIVATE KEY-----", " = ", ": ", " ", "\n", "\x00", "\ud800"]
)
TEXT = st.one_of(ANY_TEXT, st.lists(PIECES, max_size=25).map("".join))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(TEXT, inner, max_size=5)),
    max_leaves=20,
)
# Letters and digits with at least one digit: what a generated secret looks like, and no word of prose.
SECRET = st.from_regex(r"[A-Za-z][A-Za-z0-9]{7,30}[0-9][A-Za-z]", fullmatch=True)
NAME = st.sampled_from(
    ["password", "userPassword", "api_key", "X-Auth-Token", "client_secret", "DB_PASSWORD", "passwd"]
)


@given(TEXT)
def test_redacting_a_text_twice_changes_nothing_more(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


@given(VALUES)
def test_redacting_a_value_twice_changes_nothing_more(value: Any) -> None:
    once = redact(value)
    # Compared as text: NaN differs from itself.
    assert repr(redact(once)) == repr(once)


@given(TEXT, st.integers(min_value=0, max_value=40))
def test_a_limit_holds_and_is_stable(text: str, limit: int) -> None:
    once = redact_text(text, limit)
    assert len(once) <= max(limit, len("[REDACTED]"))
    assert redact_text(once, limit) == once


@given(NAME, SECRET, st.sampled_from(["", "Traceback:\n  ", "see (", "x=1&", "{'a': 1, "]), st.booleans())
def test_a_planted_secret_does_not_survive_in_text(name: str, secret: str, before: str, spaced: bool) -> None:
    blank = " " if spaced else ""
    forms = (
        f"{name}{blank}={blank}{secret}",
        f"{name}:{blank}{secret}",
        f"'{name}':{blank}'{secret}'",
        f'"{name}"{blank}:{blank}"{secret} and {secret}"',
        json.dumps(json.dumps({name: secret})),
        f"{name}{blank}={blank}'it is {secret}'",
        f"--{name.replace('_', '-')} {secret}",
        f"<{name}>{secret}</{name}>",
        f"https://amara:{secret}@db.example/x",
        f"Authorization: Bearer {secret}",
    )
    for form in forms:
        assert secret not in redact_text(f"{before}{form} after it"), form


@given(NAME, SECRET, VALUES)
def test_a_planted_secret_does_not_survive_in_a_value(name: str, secret: str, around: Any) -> None:
    planted: Any = {
        "a": [around, {"frames": [{"vars": {name: [secret], "repr": f"<Login {name}='{secret}'>"}}]}],
        name: secret,
    }
    assert secret not in repr(redact(planted))


@given(st.text(max_size=30), st.binary(min_size=1, max_size=8))
def test_a_pseudonym_is_never_taken_for_a_secret(person: str, key: bytes) -> None:
    name = pseudonym(person, key)
    assert redact_text(f"user {name} failed") == f"user {name} failed"
