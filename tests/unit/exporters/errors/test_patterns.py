"""What groups of errors have in common, and what is only chance or only common."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.errors.patterns import Counts, odds, patterns
from exporters.errors.thinning import surplus

RELEASE = ("release", "2.1.0")


def counts(
    groups: dict[int, int],
    with_value: dict[int, int],
    *,
    trait: tuple[str, str] = RELEASE,
    before: int = 0,
    total_before: int = 0,
) -> Counts:
    return Counts(
        total=sum(groups.values()),
        groups=groups,
        of_groups={trait: with_value},
        of_all={trait: sum(with_value.values())},
        before={trait: before},
        total_before=total_before,
    )


def test_a_release_that_breaks_two_groups_is_found_with_its_strength() -> None:
    (found,) = patterns(counts({1: 100, 2: 80, 3: 820}, {1: 98, 2: 80, 3: 22}))
    assert (found.trait, found.value, found.support) == (*RELEASE, 178)
    assert [tie.group_id for tie in found.ties] == [1, 2]
    assert found.share == pytest.approx(178 / 180)
    assert found.overall == pytest.approx(0.2)
    assert found.lift == pytest.approx(178 / 180 / 0.2)
    assert found.odds_ratio > found.odds_ratio_low > 100


def test_a_release_that_breaks_everything_stands_out_against_the_time_before() -> None:
    (found,) = patterns(counts({1: 500, 2: 400}, {1: 500, 2: 390}, before=0, total_before=600))
    assert [tie.group_id for tie in found.ties] == [1, 2]
    assert found.lift > 100


def test_what_all_errors_have_and_had_is_no_pattern() -> None:
    assert patterns(counts({1: 500, 2: 400}, {1: 500, 2: 400}, before=1000, total_before=1000)) == []


def test_too_few_errors_are_no_pattern() -> None:
    assert patterns(counts({1: 9, 2: 991}, {1: 9})) == []


def test_a_group_is_its_route_and_two_groups_at_one_route_are_a_pattern() -> None:
    route = ("route", "/albums/<album>/photos")
    assert patterns(counts({1: 100, 2: 900}, {1: 100}, trait=route)) == []
    (found,) = patterns(counts({1: 100, 2: 60, 3: 900}, {1: 100, 2: 60}, trait=route))
    assert [tie.group_id for tie in found.ties] == [1, 2]


def test_what_is_not_told_is_no_pattern() -> None:
    assert patterns(counts({1: 100, 2: 900}, {1: 100}, trait=("browser", ""))) == []


def test_nothing_has_no_patterns() -> None:
    assert patterns(Counts(0, {}, {}, {}, {}, 0)) == []


def test_the_odds_ratio_of_a_table_by_hand() -> None:
    ratio, low = odds(20, 10, 15, 55)
    assert ratio == pytest.approx((20.5 * 55.5) / (10.5 * 15.5))
    # ln 6.991 = 1.9446, less 1.96 times the square root of 1/20.5 + 1/10.5 + 1/15.5 + 1/55.5 = 0.4760
    assert low == pytest.approx(2.75, abs=0.005)


CELLS = st.dictionaries(st.integers(1, 9), st.integers(0, 500), max_size=9)


@given(CELLS, CELLS, st.integers(0, 500), st.integers(0, 500))
def test_any_counts_give_figures_that_hold_together(
    groups: dict[int, int], having: dict[int, int], before: int, more_before: int
) -> None:
    with_value = {group: min(count, groups.get(group, 0)) for group, count in having.items()}
    for found in patterns(counts(groups, with_value, before=before, total_before=before + more_before)):
        assert 0 < found.share <= 1
        assert 0 < found.odds_ratio_low < found.odds_ratio
        assert found.lift >= 1.5
        assert found.support == sum(tie.errors for tie in found.ties)


@given(st.lists(st.integers(1, 10_000), unique=True, max_size=900).map(sorted))
def test_a_storm_keeps_its_first_its_latest_and_an_even_spread(ids: list[int]) -> None:
    idle = surplus(ids, first=20, latest=30, spread=50)
    kept = [one for one in ids if one not in set(idle)]
    assert kept[:20] == ids[:20]
    assert kept[-30:] == ids[-30:]
    assert not idle or len(kept) == 100
    assert len(kept) <= 150 or not idle
    assert surplus(kept, first=20, latest=30, spread=50) == []


def test_the_spread_is_even() -> None:
    idle = set(surplus(range(10_000), first=0, latest=0, spread=10))
    assert [one for one in range(10_000) if one not in idle] == list(range(0, 10_000, 1_000))
