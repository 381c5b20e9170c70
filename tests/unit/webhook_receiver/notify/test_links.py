"""Links that acknowledge: whom they name, until when, and that nobody else can make one."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import SATURDAY
from webhook_receiver.notify.links import LONGEST_TOKEN, Grant, LinkRefused, judge, read, sign

KEY, OLD_KEY = b"the-key-of-today", b"the-key-of-yesterday"
GRANT = Grant(42, "noor", 1, SATURDAY + timedelta(hours=12), "977")


def refused(token: str, keys: list[bytes], after: timedelta = timedelta()) -> str:
    with pytest.raises(LinkRefused) as why:
        read(token, keys, SATURDAY + after)
    return why.value.reason


def test_a_token_says_what_was_signed_and_is_short() -> None:
    token = sign(GRANT, KEY)

    assert read(token, [KEY], SATURDAY) == GRANT
    assert len(token) < 80
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_while_a_key_is_changed_both_are_live_and_afterwards_the_old_one_is_not() -> None:
    token = sign(GRANT, OLD_KEY)

    assert read(token, [KEY, OLD_KEY], SATURDAY) == GRANT
    assert refused(token, [KEY]) == "forged"
    assert refused(token, []) == "forged"


def test_it_expires() -> None:
    token = sign(GRANT, KEY)

    assert read(token, [KEY], SATURDAY + timedelta(hours=12, seconds=-1)) == GRANT
    assert refused(token, [KEY], timedelta(hours=12)) == "expired"


@given(st.data())
def test_a_token_changed_anywhere_is_forged(data: st.DataObject) -> None:
    token = sign(GRANT, KEY)
    position = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters().filter(lambda one: one != token[position]))

    assert refused(token[:position] + character + token[position + 1 :], [KEY]) == "forged"


@given(st.text(max_size=LONGEST_TOKEN + 10))
def test_anything_else_is_forged(token: str) -> None:
    assert refused(token, [KEY]) == "forged"


@given(
    st.integers(1, 2**62),
    st.from_regex(r"[a-z][a-z0-9_]{0,62}", fullmatch=True),
    st.integers(0, 10_000),
    st.integers(1, 2**62).map(str),
)
def test_every_grant_survives_the_way_there_and_back(incident: int, person: str, cycle: int, link: str) -> None:
    grant = Grant(incident, person, cycle, SATURDAY + timedelta(hours=1), link)

    token = sign(grant, KEY)
    assert read(token, [KEY], SATURDAY) == grant
    assert len(token) <= LONGEST_TOKEN


@pytest.mark.parametrize(
    ("status", "cycle", "used", "outcome"),
    [
        ("open", 1, False, "open"),
        ("investigating", 1, False, "open"),
        ("open", 1, True, "used"),
        ("resolved", 1, False, "resolved"),
        ("open", 2, False, "superseded"),
        ("resolved", 2, True, "used"),
    ],
)
def test_what_a_link_can_still_do(status: str, cycle: int, used: bool, outcome: str) -> None:
    assert judge(GRANT, status=status, cycle=cycle, used=used) == outcome
