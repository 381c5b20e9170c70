"""What varies in messages, and what must not be taken for it."""

import pytest

from exporters.errors.parameters import parameterised

MESSAGES = {
    "photo 812 of album 99 is gone": "photo <number> of album <number> is gone",
    "booking #1234 failed": "booking #<number> failed",
    "invoice inv_2026X17 is unpaid": "invoice <id> is unpaid",
    "order ord-9fK3xQ2 not found": "order <id> not found",
    "GET https://payments.example/v1/x?y=1 timed out after 30.5 s": "GET <url> timed out after <duration>",
    "no row 550e8400-e29b-41d4-a716-446655440000": "no row <uuid>",
    "due 2026-06-13T14:00:00.123+01:00, not 2026-06-14": "due <date>, not <date>",
    "peer 10.0.0.17:5432 reset": "peer <ip> reset",
    "at 0x7f3a2b10 in 4bf92f3577b34da6": "at <hex> in <hex>",
    "wrote 51234 bytes of 12.5 MB": "wrote <size> of <size>",
    "wait 500ms": "wait <duration>",
    "a  b\n\tc": "a b c",
    # Words stay: they are what tells errors apart.
    "KeyError: 'uploads'": "KeyError: 'uploads'",
    "face added to the facade": "face added to the facade",
    "utf8 and sha256 and http2": "utf8 and sha256 and http2",
    "mp3 file in s3": "mp3 file in s3",
    "value is -3 and +4.5": "value is <number> and <number>",
    "": "",
}


@pytest.mark.parametrize(("message", "expected"), MESSAGES.items())
def test_what_varies_is_named_by_its_kind(message: str, expected: str) -> None:
    assert parameterised(message) == expected


def test_only_the_beginning_counts() -> None:
    assert parameterised("x" * 5_000) == "x" * 1_000
