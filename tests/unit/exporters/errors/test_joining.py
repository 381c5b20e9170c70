"""Which stacks are alike enough to be one error."""

from hypothesis import given
from hypothesis import strategies as st

from exporters.errors.joining import Candidate, joins, ranked
from exporters.errors.measures import auc, clustering
from exporters.errors.rehearsal import group_messages
from exporters.errors.similarity import Outline, likeness

STORE = ("put", "store", "upload", "handle", "serve")
NAMES = st.lists(st.sampled_from("abcdefgh"), max_size=12).map(tuple)


def every(_: str) -> float:
    return 1.0


def test_another_caller_far_from_the_failure_is_the_same_error() -> None:
    known = [Candidate(1, Outline("E", STORE)), Candidate(2, Outline("E", ("pay", "charge", "handle", "serve")))]
    joined = joins(ranked(Outline("E", (*STORE[:4], "run")), known, every))
    assert joined is not None
    assert joined.group == 1


def test_a_common_way_in_is_not_the_same_error() -> None:
    known = [Candidate(1, Outline("E", STORE))]
    assert joins(ranked(Outline("E", ("pay", "charge", "handle", "serve")), known, every)) is None


@given(NAMES, NAMES)
def test_likeness_is_symmetric_and_bounded(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    first, second = Outline("", one), Outline("", other)
    alike = likeness(first, second, every)
    assert 0 <= alike <= 1 + 1e-9
    assert abs(alike - likeness(second, first, every)) < 1e-9


def test_a_word_with_many_values_is_a_value() -> None:
    names = ("anna", "ben", "carla", "dov")
    groups = group_messages([f"seating for {name} was lost" for name in names] + ["seating for nobody is lost"])
    assert groups == [0, 0, 0, 0, 1]
    assert len(set(group_messages([f"seating for {name} was lost" for name in names[:3]]))) == 3


def test_the_order_does_not_matter() -> None:
    messages = [f"seating for {name} was lost" for name in ("anna", "ben", "carla", "dov")] + ["cake 3 fell"]
    assert group_messages(messages[::-1])[::-1] == [1, 1, 1, 1, 0]


def test_the_measures_by_hand() -> None:
    measured = clustering(["a", "a", "b", "b"], [1, 1, 1, 2])
    assert round(measured.precision, 4) == round((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4, 4)
    assert round(measured.recall, 4) == 0.75
    assert (round(measured.merge_precision, 4), measured.accuracy) == (0.3333, 0.0)
    assert clustering(["a", "b"], ["a", "b"]).ari == 1.0
    assert auc([(0.9, True), (0.1, False), (0.5, True), (0.5, False)]) == 0.875
