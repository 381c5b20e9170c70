"""A value is data wherever it lands: one argument, one piece of a path, one text inside quotes."""

from typing import Any
from urllib.parse import unquote, urlsplit

import promql_parser as promql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_receiver.runbooks.contract import Parameter
from webhook_receiver.runbooks.parameters import (
    ParameterRefused,
    check_value,
    expand,
    expand_arguments,
    expand_path,
    expand_query,
    values_of,
    values_of_labels,
)
from wedsync_core.settings.runbooks import ParameterSettings

ANYTHING = ParameterSettings(pattern="(?s).*")
TEMPLATES = st.lists(st.sampled_from(["${a}", "--unit=${a}", "${a}${b}", "plain", "", "x ${b} y"]), max_size=8)
ATTACKS = [
    "$(touch canary)",
    "`touch canary`",
    "; touch canary",
    "| touch canary",
    "&& touch canary",
    "london\ntouch canary",
    "../../etc/passwd",
    "%0d%0aHost: evil",
    "http://evil.example/",
    "{{ 7 * 7 }}",
    "${b}",
    'x"} or vector(1) or up{a="',
]


@given(argv=TEMPLATES, a=st.text(), b=st.text())
def test_there_are_always_as_many_arguments_as_templates(argv: list[str], a: str, b: str) -> None:
    assert len(expand_arguments(argv, {"a": a, "b": b})) == len(argv)


@given(value=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_value_is_one_piece_of_a_path(value: str) -> None:
    url = "http://photos:8080" + expand_path("/uploads/${a}/retry", {"a": value})
    parts = urlsplit(url)
    assert parts.netloc == "photos:8080"
    assert parts.path.count("/") == 3
    assert not parts.query
    assert not parts.fragment
    assert unquote(parts.path.split("/")[2]) == value


@given(value=st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_a_value_contains_is_not_looked_at_again(value: str) -> None:
    assert expand("[${a}]", {"a": value, "b": "secret"}) == f"[{value}]"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_value_stays_inside_the_quotes_of_a_query(attack: str) -> None:
    selected: list[Any] = []
    promql.walk(promql.parse(expand_query('up{region="${a}"}', {"a": attack})), selected.append)
    (selector,) = selected
    (matcher,) = selector.matchers.matchers
    assert (matcher.name, matcher.value) == ("region", attack)


@pytest.mark.parametrize(
    "value", ["-rf", "--force", "..", ".", "a/b", "a\\b", "a\x00b", "a\nb", "a\rb", "\ud800", "\u2028", "", "x" * 201]
)
def test_whatever_a_pattern_allows_some_values_are_never_taken(value: str) -> None:
    with pytest.raises(ParameterRefused):
        check_value("a", ANYTHING, value)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_pattern_must_match_the_whole_value(attack: str) -> None:
    with pytest.raises(ParameterRefused) as refused:
        check_value("region", ParameterSettings(pattern="[a-z_]{1,40}"), attack)
    assert attack not in str(refused.value), "a refusal does not carry what it refuses"


def test_choices_are_the_values_there_are() -> None:
    choices = ParameterSettings(choices=["payment", "booking"])
    assert check_value("workflow", choices, "payment") == "payment"
    with pytest.raises(ParameterRefused, match="must be one of"):
        check_value("workflow", choices, "payments")


def test_parameters_come_from_their_labels_and_nothing_else_of_an_alert_does() -> None:
    declared = {
        "region": Parameter(label="region", pattern="[a-z]+"),
        "mode": Parameter(choices=["soft", "hard"], default="soft"),
    }
    assert values_of_labels(declared, {"region": "london", "mode": "hard"}) == {"region": "london", "mode": "soft"}
    with pytest.raises(ParameterRefused, match="region: is missing"):
        values_of_labels(declared, {"mode": "hard"})
    with pytest.raises(ParameterRefused, match="there is no such parameter"):
        values_of(declared, {"region": "london", "regoin": "x"})
