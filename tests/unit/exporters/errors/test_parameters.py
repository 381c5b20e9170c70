"""What varies in messages, and what must not be taken for it."""

import pytest

from exporters.errors.wording import kinds, wording

MESSAGES = {
    "photo 812 of album 99 is gone": "photo <*> of album <*> is gone",
    "booking #1234 failed": "booking #<*> failed",
    "booking BK-2041 was not found for invoice INV-2026-00812": "booking <*> was not found for invoice <*>",
    "order ord_9fK3xQ2 not found": "order <*> not found",
    "GET https://payments.example/v1/x?y=1 timed out after 30.5 s": "GET <*> timed out after <*>",
    "no row 550e8400-e29b-41d4-a716-446655440000": "no row <*>",
    "due 2026-06-13T14:00:00.123+01:00, not 2026-06-14": "due <*>, not <*>",
    "peer 10.0.0.17:5432 reset": "peer <*> reset",
    "mail to priya@mail.example bounced": "mail to <*> bounced",
    "db-3.internal:5432 refused": "<*> refused",
    "at 0x7f3a2b10 in 4bf92f3577b34da6": "at <*> in <*>",
    "wrote 51234 bytes of 12.5 MB": "wrote <*> of <*>",
    "cannot open /srv/photos/99/a.jpg": "cannot open <*>",
    "fans ( 3552 3534 3375 )": "fans ( <*> )",
    "a  b\n\tc": "a b c",
    # Words and states stay: they are what tells errors apart.
    "face added to the facade": "face added to the facade",
    "state changed from NEW to FAILED": "state changed from NEW to FAILED",
    "": "",
}


@pytest.mark.parametrize(("message", "expected"), MESSAGES.items())
def test_what_varies_is_left_out(message: str, expected: str) -> None:
    assert wording(message) == expected


def test_only_the_beginning_counts() -> None:
    assert wording("x" * 5_000) == "x" * 1_000


def test_it_tells_the_kinds() -> None:
    assert kinds("peer 10.0.0.17:5432 reset after 3 tries") == {"ip": 1, "number": 1}
