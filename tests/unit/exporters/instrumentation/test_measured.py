"""How an attempt at a workflow went."""

import pytest
from werkzeug.exceptions import BadRequest, HTTPException, ServiceUnavailable
from werkzeug.wrappers import Response

from exporters.instrumentation.measured import Measured, outcome_of


@pytest.mark.parametrize(
    ("said", "error", "expected"),
    [
        (None, None, "success"),
        (None, ValueError("no"), "failure"),
        (None, KeyboardInterrupt(), "failure"),
        (None, ServiceUnavailable(), "failure"),
        (None, HTTPException(), "failure"),
        (None, BadRequest(), None),
        (None, HTTPException(response=Response(status=409)), None),
        (None, HTTPException(response=Response(status=503)), "failure"),
        ("failure", None, "failure"),
        ("failure", BadRequest(), "failure"),
        ("success", ValueError("handled elsewhere"), "success"),
    ],
)
def test_the_block_speaks_first_then_its_exception(said: None, error: BaseException, expected: str | None) -> None:
    assert outcome_of(said, error) == expected


def test_one_block_cannot_be_entered_twice() -> None:
    from contextlib import nullcontext

    block = Measured(lambda: nullcontext("once"))
    with block as inside:
        assert inside == "once"
    with pytest.raises(RuntimeError, match="a new one for each block"), block:
        pass
