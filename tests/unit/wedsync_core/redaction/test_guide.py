"""The examples of docs/redaction.md, run as they stand, and the names it promises to treat as secret."""

import doctest
import re
from pathlib import Path

import pytest

from wedsync_core.redaction import REDACTED, redact

GUIDE = (Path(__file__).parents[4] / "docs" / "redaction.md").read_text(encoding="utf-8")
BY_NAME = re.findall(r"\*\*By name\.\*\*.*?\(.*?\)", GUIDE, re.DOTALL)


def test_the_examples_of_the_guide_are_what_happens() -> None:
    example = doctest.DocTestParser().get_doctest(GUIDE.replace("```", ""), {}, "redaction.md", None, None)
    failed, attempted = doctest.DocTestRunner().run(example)
    assert (failed, attempted) == (0, 3)


@pytest.mark.parametrize(
    "name", re.findall(r"`(\w+)`", re.findall(r"\*\*By name\.\*\*.*?\(.*?\)", GUIDE, re.DOTALL)[0])
)
def test_a_member_named_in_the_guide_goes_whole(name: str) -> None:
    assert redact({"user": {name: "whatever it holds"}}) == {"user": {name: REDACTED}}
