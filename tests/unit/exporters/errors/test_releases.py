"""Which release is the newer one."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.errors.releases import Basis, compare, newest
from tests.cast import SATURDAY

OLDER_THEN_NEWER = {
    "semantic versions, by number": ("2.9.1", "2.10.0", Basis.VERSION),
    "with a v": ("v1.2.3", "v1.2.4", Basis.VERSION),
    "with a package": ("app@2.9.1", "app@2.10.0", Basis.VERSION),
    "a release candidate comes before": ("2.0.0-rc.2", "2.0.0", Basis.VERSION),
    "candidates by number": ("2.0.0-rc.2", "2.0.0-rc.11", Basis.VERSION),
    "numbers before words": ("2.0.0-1", "2.0.0-alpha", Basis.VERSION),
    "dates": ("2026-06-12", "2026-06-13", Basis.DATE),
    "dates without hyphens, with a number": ("20260613.1", "20260613.2", Basis.DATE),
    "dates and times": ("2026-06-13T09:00", "2026-06-13T14:30", Basis.DATE),
    "dates before a hash": ("2026.06.12-ab12cd3", "2026.06.13-0012cd3", Basis.DATE),
    "commits since a tag": ("v1.2.3", "v1.2.3-14-gab12cd3", Basis.COMMITS),
    "more commits": ("v1.2.3-9-gab12cd3", "v1.2.3-14-g0012cd3", Basis.COMMITS),
    "a later tag": ("v1.2.3-14-gab12cd3", "v1.2.4", Basis.COMMITS),
}


@pytest.mark.parametrize(("older", "newer", "basis"), OLDER_THEN_NEWER.values(), ids=OLDER_THEN_NEWER.keys())
def test_names_that_tell_an_order(older: str, newer: str, basis: Basis) -> None:
    # Heard of in the wrong order: the names tell more.
    heard = {older: SATURDAY, newer: SATURDAY - timedelta(days=1)}
    forward, backward = compare(older, newer, heard), compare(newer, older, heard)
    assert (forward.sign, forward.basis, backward.sign) == (-1, basis, 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [("ab12cd3", "ef45ab6"), ("app@1.0", "shop@2.0"), ("2.0.0", "2026-06-13"), ("nightly", "blue")],
)
def test_other_names_are_ordered_by_who_was_heard_of_first(first: str, second: str) -> None:
    heard = {first: SATURDAY, second: SATURDAY + timedelta(hours=1)}
    assert (compare(first, second, heard).sign, compare(first, second, heard).basis) == (-1, Basis.FIRST_SEEN)
    assert compare(second, first, heard).sign == 1


def test_a_release_never_heard_of_is_the_newest() -> None:
    assert compare("ab12cd3", "ef45ab6", {"ab12cd3": SATURDAY}).sign == -1


def test_the_newest_of_many() -> None:
    heard = {"2.10.0": SATURDAY, "2.9.0": SATURDAY + timedelta(hours=1), "2.10.1-rc.1": SATURDAY}
    assert newest(heard) == "2.10.1-rc.1"
    assert newest({}) == ""


VERSIONS = st.builds(
    lambda core, pre: ".".join(map(str, core)) + (f"-{pre}" if pre else ""),
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.sampled_from(["", "alpha", "rc.1", "rc.2", "rc.10", "1"]),
)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_versions_have_one_order(one: str, two: str, three: str) -> None:
    nothing: dict[str, datetime] = {}
    assert compare(one, two, nothing).sign == -compare(two, one, nothing).sign
    if compare(one, two, nothing).sign < 0 and compare(two, three, nothing).sign < 0:
        assert compare(one, three, nothing).sign < 0


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_a_release(one: str, two: str) -> None:
    assert compare(one, two, {}).sign == -compare(two, one, {}).sign
