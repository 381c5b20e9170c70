"""Which posts a pager may believe."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.service.signature import sign, why_refused
from tests.cast import SATURDAY

KEY = b"a-signing-key-of-the-pager"
BODY = b'{"subject": "Uploads fail in London"}'
NOW = str(int(SATURDAY.timestamp()))


def refused(**changed: object) -> str | None:
    post: dict[str, object] = {
        "keys": [KEY],
        "timestamp": NOW,
        "signature": sign(KEY, NOW, BODY),
        "body": BODY,
        "now": SATURDAY,
    }
    return why_refused(**{**post, **changed})  # type: ignore[arg-type] # the test sends wrong ones too


def test_a_signed_page_is_believed() -> None:
    assert refused() is None


def test_the_signature_is_the_one_the_contract_describes() -> None:
    # Made apart from this code: printf '1.{}' | openssl dgst -sha256 -hmac key
    assert sign(b"key", "1", b"{}") == "v1=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"


def test_either_key_is_good_while_one_replaces_the_other() -> None:
    assert refused(keys=[b"the-new-key", KEY]) is None
    assert refused(keys=[b"the-new-key"]) is not None
    assert refused(keys=[]) is not None


@pytest.mark.parametrize("skew", [timedelta(minutes=5), -timedelta(minutes=5)])
def test_five_minutes_of_skew_are_forgiven_and_no_more(skew: timedelta) -> None:
    assert refused(now=SATURDAY + skew) is None
    beyond = skew + (timedelta(seconds=1) if skew > timedelta() else -timedelta(seconds=1))
    assert "five minutes" in str(refused(now=SATURDAY + beyond))


def test_an_old_post_cannot_be_sent_again_with_a_new_time() -> None:
    later = SATURDAY + timedelta(hours=1)
    assert "not of this body" in str(refused(timestamp=str(int(later.timestamp())), now=later))


@pytest.mark.parametrize("missing", ["timestamp", "signature"])
def test_an_unsigned_post_is_refused(missing: str) -> None:
    assert "not signed" in str(refused(**{missing: None}))


@pytest.mark.parametrize("timestamp", ["", "now", "-5", "1e9", "١٧٨١٣٦٢٨٠٠", "9" * 400, NOW + ".0", " " + NOW])
def test_a_time_that_is_no_whole_number_is_refused(timestamp: str) -> None:
    assert "whole unix seconds" in str(refused(timestamp=timestamp))


@given(body=st.binary(), signature=st.text(st.characters(codec=None)))
def test_nothing_else_is_believed(body: bytes, signature: str) -> None:
    assert body == BODY or refused(body=body) is not None
    assert signature == sign(KEY, NOW, BODY) or refused(signature=signature) is not None
