"""Size: what is too long, too wide or too deep is cut and marked, and a cut never leaves half a secret."""

from typing import Any

import pytest

from wedsync_core.redaction import CUT, MAX_DEPTH, MAX_ITEMS, MAX_TEXT, TOO_DEEP, pseudonym, redact, redact_text
from wedsync_core.redaction.walk import redact_counted


def test_a_long_text_is_cut_and_marked() -> None:
    cut = redact_text("x" * (MAX_TEXT + 5))
    assert len(cut) == MAX_TEXT
    assert cut.endswith(CUT)
    assert redact_text(cut) == cut


def test_a_cut_does_not_leave_half_a_card_number() -> None:
    for limit in range(20, 50):
        assert "4111 1111" not in redact_text("paid by 4111 1111 1111 1111, thank you", limit)


def test_a_cut_does_not_break_the_mark() -> None:
    for limit in range(12, 40):
        cut = redact_text("Bearer abcdefgh and more of the same text", limit)
        assert redact_text(cut, limit) == cut
        assert "abcdefgh" not in cut
        assert len(cut) <= limit


def test_wide_lists_and_objects_are_cut_once() -> None:
    wide = redact([0] * (MAX_ITEMS + 1))
    assert isinstance(wide, list)
    assert (len(wide), wide[-1]) == (MAX_ITEMS, CUT)
    assert redact(wide) == wide
    members = redact({f"k{number}": 0 for number in range(MAX_ITEMS + 1)})
    assert isinstance(members, dict)
    assert (len(members), members[CUT]) == (MAX_ITEMS, True)
    assert redact(members) == members


def test_depth_ends_without_a_crash() -> None:
    deep: Any = "end"
    for _ in range(5_000):
        deep = [deep]
    depth, level = 0, redact(deep)
    while isinstance(level, list):
        depth, level = depth + 1, level[0]
    assert (depth, level) == (MAX_DEPTH, TOO_DEEP)


def test_what_json_does_not_know_is_not_kept() -> None:
    assert redact({"when": object()}) == {"when": "[REDACTED]"}  # type: ignore[dict-item] # that is the point


def test_huge_numbers_pass() -> None:
    assert redact(10**5_000) == 10**5_000


def test_what_was_taken_out_is_counted() -> None:
    counted = redact_counted({"password": "x", "note": "Bearer abc, password=def", "n": 1})
    assert counted.removed == 3


def test_a_pseudonym_is_stable_keyed_and_survives_redaction() -> None:
    one = pseudonym("priya@mail.example", b"key")
    assert one == pseudonym(" priya@mail.example ", b"key")
    assert one != pseudonym("priya@mail.example", b"other key")
    assert one != pseudonym("tom@mail.example", b"key")
    assert redact_text(one) == one
    assert pseudonym("\ud800", b"key")
    with pytest.raises(ValueError, match="key"):
        pseudonym("priya", b"")
