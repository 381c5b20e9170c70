"""What a rule can get wrong while Prometheus accepts it, read from the parsed expression.

Labels that a join drops, counters read as gauges, windows too short to hold a few samples.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import promql_parser as promql
import pytest

Labels = frozenset[str]
Rules = list[dict[str, Any]]

SCALARS = {"time", "pi"}
COMPARISONS = {"==", "!=", ">", "<", ">=", "<="}
SET_OPERATIONS = {"and", "or", "unless"}
FRAGILE = {"topk", "bottomk", "limitk", "count_values", "quantile"}
OWN_SCRAPE_INTERVAL = timedelta(seconds=5)
OTHER_SCRAPE_INTERVAL = timedelta(seconds=15)
RETENTION = timedelta(days=15)
STATIC_LABELS = {"severity", "type", "service", "affects", "component"}


def nodes(expression: str) -> Iterator[Any]:
    found: list[Any] = []
    promql.walk(promql.parse(expression), found.append)
    return iter(found)


def operator(node: Any) -> str:
    """The operator of a binary expression, read from between its operands."""
    lhs, text = node.lhs.prettify(), node.prettify()
    between = " ".join(str(node).removeprefix(str(node.lhs)).split())
    match = re.match(r"(and|or|unless|[=!<>]=?|[-+*/%^])", between)
    assert match, (lhs, text)
    return match[1]


class LabelReader:
    """Which labels the result of an expression can have; complaints about joins are collected on the way."""

    def __init__(self, known: Mapping[str, Labels]) -> None:
        self._known = known
        self.complaints: list[str] = []

    def labels(self, node: Any) -> Labels | None:
        """Return the labels, or None for a scalar."""
        reader: dict[type, Callable[[Any], Labels | None]] = {
            promql.ParenExpr: lambda node: self.labels(node.expr),
            promql.UnaryExpr: lambda node: self.labels(node.expr),
            promql.SubqueryExpr: lambda node: self.labels(node.expr),
            promql.NumberLiteral: lambda _: None,
            promql.StringLiteral: lambda _: None,
            promql.VectorSelector: self._selector,
            promql.MatrixSelector: lambda node: self._selector(node.vector_selector),
            promql.AggregateExpr: self._aggregate,
            promql.Call: self._call,
            promql.BinaryExpr: self._binary,
        }
        return reader[type(node)](node)

    def _selector(self, node: Any) -> Labels:
        labels = self._known[node.name]
        for matcher in node.matchers.matchers:
            if matcher.name not in labels:
                self.complaints.append(f"{node.name} has no label {matcher.name}")
        return labels

    def _aggregate(self, node: Any) -> Labels:
        inner = self.labels(node.expr) or frozenset()
        if node.modifier is None:
            return frozenset()
        kept = frozenset(node.modifier.labels)
        if node.modifier.type == promql.AggModifierType.Without:
            return inner - kept
        if not kept <= inner:
            self.complaints.append(f"by {sorted(kept - inner)}: not there in {node.expr}")
        return kept

    def _call(self, node: Any) -> Labels | None:
        name = node.func.name
        if name in SCALARS:
            return None
        if name == "vector":
            return frozenset()
        if name == "absent":
            matchers = node.args[0].matchers.matchers
            return frozenset(each.name for each in matchers if str(each.op).endswith("Equal"))
        vectors = [self.labels(argument) for argument in node.args]
        labels = next(each for each in vectors if each is not None)
        if name == "label_replace":
            return labels | {node.args[1].val}
        return labels - {"le"} if name == "histogram_quantile" else labels

    def _binary(self, node: Any) -> Labels | None:
        lhs, rhs = self.labels(node.lhs), self.labels(node.rhs)
        if lhs is None or rhs is None:
            return lhs if rhs is None else rhs
        kind, matching = operator(node), getattr(node.modifier, "matching", None)
        if kind == "or":
            if lhs != rhs and "absent(" not in str(node.rhs):
                self.complaints.append(f"or joins {sorted(lhs)} with {sorted(rhs)}")
            return lhs | rhs
        if matching is None:
            if lhs != rhs:
                self.complaints.append(f"{kind} matches {sorted(lhs)} with {sorted(rhs)}: nothing will match")
            return lhs
        missing = frozenset(matching.labels) - (lhs & rhs)
        if missing:
            self.complaints.append(f"on {sorted(missing)}: not on both sides of {kind}")
        return lhs if kind in SET_OPERATIONS or self._keeps_left(node) else frozenset(matching.labels)

    @staticmethod
    def _keeps_left(node: Any) -> bool:
        return bool(node.modifier.card == promql.VectorMatchCardinality.ManyToOne)


@pytest.fixture(scope="module")
def known(rules: Rules, raw_series: dict[str, Labels]) -> dict[str, Labels]:
    """The labels of every series, recorded ones included, in whatever order the rules stand."""
    series = dict(raw_series)
    waiting = [rule for rule in rules if "record" in rule]
    while waiting:
        ready = [rule for rule in waiting if names_in(rule["expr"]) <= series.keys()]
        assert ready, f"unknown series in {[rule['record'] for rule in waiting]}"
        for rule in ready:
            labels = LabelReader(series).labels(promql.parse(rule["expr"])) or frozenset()
            series[rule["record"]] = labels | frozenset(rule.get("labels", {}))
        waiting = [rule for rule in waiting if rule not in ready]
    return series


def names_in(expression: str) -> set[str]:
    return {node.name for node in selectors(expression)}


def selectors(expression: str) -> list[Any]:
    return [node for node in nodes(expression) if isinstance(node, promql.VectorSelector)]


def test_every_series_is_documented_or_recorded(rule: dict[str, Any], known: dict[str, Labels]) -> None:
    assert names_in(rule["expr"]) <= known.keys()


def test_joins_have_their_labels_on_both_sides(rule: dict[str, Any], known: dict[str, Labels]) -> None:
    reader = LabelReader(known)
    reader.labels(promql.parse(rule["expr"]))
    assert not reader.complaints


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("sum by (region) (up) > 0", "by ['region']: not there"),
        ("sum by (job) (up) > on (region) group_left () sum by (job) (up)", "on ['region']"),
        ("sum by (job) (up) / sum by (instance) (up)", "nothing will match"),
        ("sum by (job) (up) or sum by (instance) (up)", "or joins"),
        ('up{region="london"} == 0', "no label region"),
    ],
)
def test_a_wrong_join_is_noticed(expression: str, complaint: str, known: dict[str, Labels]) -> None:
    reader = LabelReader(known)
    reader.labels(promql.parse(expression))
    assert any(complaint in each for each in reader.complaints)


def test_a_recorded_series_is_called_after_its_labels(recorded: dict[str, Any], known: dict[str, Labels]) -> None:
    level, metric, operations = recorded["record"].split(":")
    assert re.fullmatch(r"[a-z0-9_]+", metric + operations)
    expected = {"risk", "workflow"} & set(recorded.get("labels", {})) if level == "wedsync" else set(level.split("_"))
    assert set(known[recorded["record"]]) == expected


def test_an_alert_compares_something(alert: dict[str, Any]) -> None:
    parts = list(nodes(alert["expr"]))
    compares = any(isinstance(part, promql.BinaryExpr) and operator(part) in COMPARISONS for part in parts)
    absent = any(isinstance(part, promql.Call) and part.func.name == "absent" for part in parts)
    assert compares or absent or alert["alert"] == "Watchdog"


def test_templates_name_labels_that_the_alert_has(alert: dict[str, Any], known: dict[str, Labels]) -> None:
    labels = (LabelReader(known).labels(promql.parse(alert["expr"])) or frozenset()) | frozenset(alert["labels"])
    for text in (*alert["labels"].values(), *alert["annotations"].values()):
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels, text


def test_labels_hold_neither_a_value_nor_the_calendar(alert: dict[str, Any], known: dict[str, Labels]) -> None:
    """Either would make a new alert of the old one, in the middle of an incident."""
    assert set(alert["labels"]) <= STATIC_LABELS
    assert not any("$value" in text for text in alert["labels"].values())
    assert "risk" not in (LabelReader(known).labels(promql.parse(alert["expr"])) or frozenset())


def test_rates_read_counters_over_four_scrapes(rule: dict[str, Any]) -> None:
    for node in nodes(rule["expr"]):
        if isinstance(node, promql.Call) and node.func.name in {"rate", "increase", "irate"}:
            assert isinstance(node.args[0], promql.MatrixSelector), "the rate of a sum hides counter resets"
            name = str(node.args[0].vector_selector.name)
            assert name.endswith(("_total", "_count", "_bucket", "_sum"))
            scrape = OWN_SCRAPE_INTERVAL if name.startswith("wedsync_") else OTHER_SCRAPE_INTERVAL
            assert node.args[0].range >= 4 * scrape


def test_counters_are_only_compared_through_rates(alert: dict[str, Any]) -> None:
    """A counter by itself says what happened since the process began. Series too young for a rate are the exception."""
    bare = {node.name for node in selectors(alert["expr"])} - {
        node.vector_selector.name for node in nodes(alert["expr"]) if isinstance(node, promql.MatrixSelector)
    }
    assert not [name for name in bare if name.endswith(("_total", "_count", "_bucket"))]


def test_nothing_reaches_beyond_the_retention_or_depends_on_chance(rule: dict[str, Any]) -> None:
    for node in nodes(rule["expr"]):
        if isinstance(node, promql.MatrixSelector):
            offset = node.vector_selector.offset or timedelta()
            # What looks weeks back is a comparison that may be absent, and says so in its name.
            furthest = RETENTION if "same_hour_of_week" in rule.get("record", "") else RETENTION / 10
            assert node.range + offset < furthest
        if isinstance(node, promql.AggregateExpr):
            assert str(node.op) not in FRAGILE


def test_absence_has_to_last(alert: dict[str, Any]) -> None:
    if "absent(" in alert["expr"]:
        assert promql.parse_duration(alert["for"]) >= 2 * OWN_SCRAPE_INTERVAL


def test_a_rule_reads_what_its_group_has_already_recorded(groups: dict[str, list[dict[str, Any]]], area: str) -> None:
    for group in groups[area]:
        own = {rule["record"] for rule in group["rules"] if "record" in rule}
        recorded: set[str] = set()
        for rule in group["rules"]:
            assert names_in(rule["expr"]) & own <= recorded
            recorded |= {rule["record"]} if "record" in rule else set()


def test_groups_leave_no_gaps_and_no_rule_stands_twice(rules: Rules) -> None:
    assert all(promql.parse_duration(rule["interval"]) <= timedelta(seconds=15) for rule in rules)
    identities = [(rule.get("record"), rule.get("alert"), str(rule.get("labels"))) for rule in rules]
    assert len(set(identities)) == len(identities)
    alerts = [rule["alert"] for rule in rules if "alert" in rule]
    assert len(set(alerts)) == len(alerts)
