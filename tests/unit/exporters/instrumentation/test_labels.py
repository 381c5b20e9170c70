"""Label values are closed sets, whatever is offered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.instrumentation.labels import (
    OTHER,
    Vocabulary,
    closed,
    encodable,
    label_text,
    status_class,
    workflow_name,
)

REGIONS = frozenset({"london", "sydney"})


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_text_becomes_encodable_and_stays_so(text: str) -> None:
    cleaned = encodable(text)
    cleaned.encode("utf-8")
    assert "\x00" not in cleaned
    assert encodable(cleaned) == cleaned


def test_only_what_cannot_be_encoded_is_replaced() -> None:
    assert encodable("Zoë \U0001f470 & Tom") == "Zoë \U0001f470 & Tom"
    assert encodable("a\ud800b\x00c") == "a\ufffdb\ufffdc"


@pytest.mark.parametrize("offered", [None, 7, 3.5, "", "London", "paris", ["london"], {"london": 1}, "\ud800", True])
def test_what_is_not_in_the_set_is_other(offered: object) -> None:
    assert closed(offered, REGIONS) == OTHER


def test_what_is_in_the_set_is_itself() -> None:
    assert closed("sydney", REGIONS) == "sydney"


@pytest.mark.parametrize(
    ("status", "expected"),
    [(100, "1xx"), (204, "2xx"), (304, "3xx"), (404, "4xx"), (599, "5xx"), (0, "5xx"), (-3, "5xx"), (999, "5xx")],
)
def test_a_status_falls_in_one_of_five_classes(status: int, expected: str) -> None:
    assert status_class(status) == expected


def test_a_workflow_nobody_watches_is_refused_with_the_names_that_exist() -> None:
    assert workflow_name("photo_upload") == "photo_upload"
    with pytest.raises(ValueError, match="photo_upload, messaging, payment, booking, timeline"):
        workflow_name("photo_uplaod")


def test_a_vocabulary_stops_growing_at_its_limit() -> None:
    names = Vocabulary(2)
    assert [names.place(name) for name in ("stripe", "maps", "weather", "stripe", "\ud800")] == [
        "stripe",
        "maps",
        OTHER,
        "stripe",
        OTHER,
    ]


def test_a_name_from_the_code_stays_within_the_limit_of_a_scrape() -> None:
    assert len(label_text("/" + "very-" * 100 + "long")) < 200
