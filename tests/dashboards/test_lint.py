"""The dashboard as a reader and an on-call engineer need it: the rules of Grafana's own linter, and some of ours."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import promql_parser as promql
import pytest
import yaml

from grafana.build import DASHBOARDS, ROOT
from grafana.overview import DATASOURCE_UID, UID
from grafana.queries import DATASOURCE_INTERVAL, PanelQuery, UnknownVariable, panels_of, queries_of, variables_in
from grafana.schema import UNITS

OVERVIEW: dict[str, Any] = json.loads((DASHBOARDS / "overview.json").read_text(encoding="utf-8"))
ERRORS: dict[str, Any] = json.loads((DASHBOARDS / "errors.json").read_text(encoding="utf-8"))
PANELS = [*panels_of(OVERVIEW), *panels_of(ERRORS)]
QUERIES = [*queries_of(OVERVIEW), *queries_of(ERRORS)]
TEMPLATED = {"type": "prometheus", "uid": "${datasource}"}

# Ids are part of links to a panel: https://…/d/wedsync-overview?viewPanel=201. One that is gone is never used again.
FROZEN_IDS = {
    *(1, 2, 3, 4, 5),
    *range(101, 108),
    *range(201, 207),
    *range(301, 307),
    *range(401, 408),
    *range(501, 515),
}
NO_LIMIT = {
    "Attempts": "more is not worse, and what less means depends on the day",
    "Requests": "more is not worse",
    "Failed and lost attempts": "the ratio beside it has the limit",
    "Requests being answered": "how many a service can hold is its own affair; the shape is the message",
    "Errors by severity": "the count by service beside it has the limit",
    "Errors by level": "the count by service beside it has the limit",
    "Direct posts to Alertmanager": "each outcome means something else",
    "Error reports that did not get in": "any at all is worth a look",
    "Pages by channel": "each outcome means something else",
    "Messages from Alertmanager": "each outcome means something else",
    "New groups by severity": "one may be everything, or nothing",
    "Groups by state": "each state means something else",
    "Turns": "each turn means something else",
    "Rows let go": "as many as came in, in the long run",
    "Weddings known": "how many there should be is not known here",
}

COUNTERS = ("_total", "_count", "_bucket", "_sum")
SLOW_JOBS = ("prometheus_", "alertmanager_")
# What Prometheus and Alertmanager expose of themselves, as far as it is used here; the running stack is asked for each.
FOREIGN = {
    "up",
    "ALERTS",
    "prometheus_notifications_errors_total",
    "prometheus_notifications_dropped_total",
    "prometheus_rule_evaluation_failures_total",
    "alertmanager_notifications_failed_total",
}
RULES = [
    rule
    for path in sorted((ROOT / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
RECORDED = {rule["record"] for rule in RULES if "record" in rule}
SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",), "info": ("",)}
DOCUMENTED = {
    row["name"] + suffix: set(re.findall(r"`(\w+)`", row["labels"].partition("=")[0])) | {"job", "instance", "le"}
    for row in re.finditer(
        r"^\| `(?P<name>[a-z0-9_]+)` \| (?P<type>\w+)[^|]*\|(?P<labels>[^|]*)\|",
        (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    if row["type"] in SUFFIXES
    for suffix in SUFFIXES[row["type"]]
}


def titles(panel: dict[str, Any]) -> str:
    return f"{panel['id']} {panel['title']}"


every_panel = pytest.mark.parametrize("panel", PANELS, ids=titles)
every_query = pytest.mark.parametrize("query", QUERIES, ids=lambda query: f"{query.panel} {query.ref}")


def nodes(expression: str) -> Iterator[Any]:
    found: list[Any] = []
    promql.walk(promql.parse(expression), found.append)
    return iter(found)


def selectors(expression: str) -> Iterator[Any]:
    return (node for node in nodes(expression) if isinstance(node, promql.VectorSelector))


def test_the_address_in_every_alert_is_a_dashboard() -> None:
    assert OVERVIEW["uid"] == UID == "wedsync-overview"
    addresses = {rule["annotations"]["dashboard_url"] for rule in RULES if "alert" in rule}
    assert addresses == {f"/d/{UID}", f"/d/{ERRORS['uid']}"}


def test_it_is_read_only_and_speaks_utc() -> None:
    assert OVERVIEW["editable"] is False
    assert (OVERVIEW["timezone"], OVERVIEW["refresh"]) == ("utc", "10s")
    assert OVERVIEW["title"] == "WedSync: are weddings safe right now?"
    assert "id" not in OVERVIEW, "the id is the database's, and makes provisioning fail"


def test_the_dashboard_of_errors_is_one_of_the_house() -> None:
    assert (ERRORS["uid"], ERRORS["editable"], ERRORS["timezone"]) == ("wedsync-errors", False, "utc")
    assert "id" not in ERRORS
    ids = [panel["id"] for panel in ERRORS["panels"]]
    assert len(ids) == len(set(ids))
    assert set(ids) == {*range(1, 5), *range(1001, 1007), 1101, 1102, 1201, 1202, *range(1301, 1304)}
    assert "Errors" in {link["title"] for link in OVERVIEW["links"]}
    (variable,) = [one for one in ERRORS["templating"]["list"] if one["name"] != "datasource"]
    assert (variable["name"], variable["datasource"], variable["allValue"]) == ("service", TEMPLATED, ".*")


@pytest.mark.parametrize("board", [OVERVIEW, ERRORS], ids=["overview", "errors"])
def test_panels_of_a_board_lie_side_by_side(board: dict[str, Any]) -> None:
    for one, other in combinations([panel["gridPos"] for panel in board["panels"]], 2):
        across = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert across or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


def test_it_was_not_exported_for_sharing() -> None:
    text = json.dumps(OVERVIEW)
    assert "__inputs" not in text
    assert "__requires" not in text
    assert "${DS_" not in text


def test_ids_are_unique_and_frozen() -> None:
    ids = [panel["id"] for panel in OVERVIEW["panels"]]
    assert len(ids) == len(set(ids))
    assert set(ids) == FROZEN_IDS


def test_panels_lie_in_the_grid_and_none_covers_another() -> None:
    places = [(panel["title"], panel["gridPos"]) for panel in OVERVIEW["panels"]]
    for title, place in places:
        assert place["x"] >= 0, title
        assert place["x"] + place["w"] <= 24, title
    for (one, first), (other, second) in combinations(places, 2):
        apart_across = first["x"] + first["w"] <= second["x"] or second["x"] + second["w"] <= first["x"]
        apart_down = first["y"] + first["h"] <= second["y"] or second["y"] + second["h"] <= first["y"]
        assert apart_across or apart_down, f"{one} covers {other}"


def test_rows_stand_above_their_panels_in_the_order_of_reading() -> None:
    rows = [panel["title"] for panel in OVERVIEW["panels"] if panel["type"] == "row"]
    assert rows == ["Right now", "Workflows", "Services", "Errors", "The paging chain"]
    tops = [panel["gridPos"]["y"] for panel in OVERVIEW["panels"]]
    assert tops == sorted(tops)


def test_the_data_source_is_a_variable_everywhere() -> None:
    variables = {variable["name"]: variable for variable in OVERVIEW["templating"]["list"]}
    assert list(variables) == ["datasource", "region", "service", "workflow"]
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["datasource"]["label"] == "Data source"
    assert variables["datasource"]["current"]["value"] == DATASOURCE_UID
    for name in ("region", "service", "workflow"):
        assert variables[name]["datasource"] == TEMPLATED
        assert variables[name]["refresh"] == 2, "values change with the time range"
        assert (variables[name]["includeAll"], variables[name]["multi"], variables[name]["allValue"]) == (
            True,
            True,
            ".*",
        )


@every_panel
def test_a_panel_says_what_it_means(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert len(panel["description"].split()) >= 12, "what does it mean for a wedding, and what is there to do?"
    assert panel["description"].endswith((".", "?"))
    assert defaults["unit"] in UNITS
    assert defaults["noValue"]
    assert panel["targets"]
    assert panel["datasource"] == TEMPLATED
    assert all(target["datasource"] == TEMPLATED for target in panel["targets"])


@every_panel
def test_a_panel_shows_its_limits(panel: dict[str, Any]) -> None:
    """A colour, a line drawn in, or a reason why there is none."""
    config = panel["fieldConfig"]
    coloured = len(config["defaults"]["thresholds"]["steps"]) > 1 or config["defaults"].get("mappings")
    in_columns = any(
        property_["id"] in {"thresholds", "mappings"}
        for each in config["overrides"]
        for property_ in each["properties"]
    )
    drawn = any(each["matcher"]["id"] == "byRegexp" for each in config["overrides"])
    assert bool(coloured or in_columns or drawn) is (panel["title"] not in NO_LIMIT)
    if coloured and panel["type"] == "timeseries":
        assert config["defaults"]["custom"]["thresholdsStyle"]["mode"] == "dashed"


def test_every_reason_for_no_limit_is_still_needed() -> None:
    assert set(NO_LIMIT) <= {panel["title"] for panel in PANELS}


@every_panel
def test_limit_curves_exist_where_they_are_drawn_dashed(panel: dict[str, Any]) -> None:
    legends = [target["legendFormat"] for target in panel["targets"]]
    for override in panel["fieldConfig"]["overrides"]:
        pattern = override["matcher"]["options"]
        if override["matcher"]["id"] == "byRegexp":
            assert any(re.search(pattern.strip("/"), legend) for legend in legends)
        elif panel["type"] == "table":
            organised = panel["transformations"][1]["options"]["renameByName"].values()
            assert pattern in organised
        else:
            assert pattern in legends


@every_panel
def test_tables_show_every_answer_under_a_name(panel: dict[str, Any]) -> None:
    """The fields of a table are the labels its queries keep, the time, and a value for each query."""
    if panel["type"] != "table":
        return
    options = panel["transformations"][1]["options"]
    queries = [query for query in QUERIES if query.panel.endswith(f"({panel['id']})")]
    values = {f"Value #{query.ref}" for query in queries} if len(queries) > 1 else {"Value"}
    kept = {label for query in queries for label in labels_kept(query.expr)}
    assert options["renameByName"].keys() | options["excludeByName"].keys() == values | kept | {"Time"}
    assert panel["options"]["sortBy"][0]["displayName"] in options["renameByName"].values()
    assert all(target["format"] == "table" and target["instant"] for target in panel["targets"])


def labels_kept(expression: str) -> set[str]:
    """The labels of the outermost aggregations."""
    return {label for kept in re.findall(r"^(?:[\d.* -]*)\w+ by \(([^)]*)\)", expression) for label in kept.split(", ")}


def test_every_variable_that_is_used_exists_and_back() -> None:
    for board in (OVERVIEW, ERRORS):
        used = variables_in([query.template for query in queries_of(board)])
        own = {variable["name"] for variable in board["templating"]["list"]} - {"datasource"}
        assert used - {"__rate_interval"} == own


def test_an_unknown_variable_is_noticed() -> None:
    broken = json.loads(json.dumps(OVERVIEW).replace("$region", "$regions"))
    with pytest.raises(UnknownVariable, match=r"Workflows over their limit \(101\) uses \$regions"):
        queries_of(broken)


@every_query
def test_the_query_is_promql(query: PanelQuery) -> None:
    promql.parse(query.expr)
    assert "$" not in query.expr


@every_query
def test_every_series_is_documented_or_recorded(query: PanelQuery) -> None:
    for selector in selectors(query.expr):
        # {__name__=~"a|b"}: names in a matcher.
        in_matcher = [matcher.value.split("|") for matcher in selector.matchers.matchers if matcher.name == "__name__"]
        names = [selector.name] if selector.name else in_matcher[0]
        assert set(names) <= DOCUMENTED.keys() | RECORDED | FOREIGN


@every_query
def test_a_query_chooses_by_labels_that_its_series_has(query: PanelQuery) -> None:
    for selector in selectors(query.expr):
        chosen = {matcher.name for matcher in selector.matchers.matchers} - {"__name__"}
        if selector.name in DOCUMENTED:
            assert chosen <= DOCUMENTED[selector.name]
        elif selector.name in RECORDED and not selector.name.startswith("wedsync:"):
            assert chosen <= set(selector.name.partition(":")[0].split("_"))


@every_query
def test_rates_look_back_by_grafanas_own_interval(query: PanelQuery) -> None:
    """A fixed window is right only where the title says it ("in the last hour"), and then as an increase."""
    for function, window in re.findall(r"\b(i?rate|increase|delta)\((?:[^()]|\{[^}]*\})*\[([^]]+)\]", query.template):
        assert (function, window) in {("rate", "$__rate_interval"), ("increase", "1h")}
        if function == "increase":
            assert any(word in query.panel for word in ("last hour", "Workflows by region"))


@every_query
def test_counters_are_never_shown_bare(query: PanelQuery) -> None:
    """A counter says what happened since its process began. One too young for an increase may stand beside it."""
    if query.panel.startswith("variable"):
        return
    inside = {str(node.vector_selector.name) for node in nodes(query.expr) if isinstance(node, promql.MatrixSelector)}
    assert all(name.endswith(COUNTERS) for name in inside), "only counters have a rate"
    assert not {name for each in selectors(query.expr) if (name := str(each.name)).endswith(COUNTERS)} - inside


@every_panel
def test_slowly_scraped_series_ask_for_longer_steps(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        if any(f"rate({job}" in target["expr"] for job in SLOW_JOBS) or "(up)" in target["expr"]:
            assert target["interval"] == "15s"


@every_panel
def test_recorded_percentiles_are_not_computed_again(panel: dict[str, Any]) -> None:
    """Only where no rule records them: the paging chain, and a service over all its routes."""
    for target in panel["targets"]:
        if "histogram_quantile" in target["expr"]:
            assert panel["id"] in {303, 509, 510}


def test_every_link_leads_somewhere() -> None:
    settings = yaml.safe_load((ROOT / "wedsync.yml").read_text(encoding="utf-8"))
    repository = next(rule for rule in RULES if "alert" in rule)["annotations"]["runbook_url"].partition("/docs/")[0]
    links = {link["title"]: link["url"] for link in OVERVIEW["links"]}
    assert links["Incidents"] == settings["receiver"]["public_url"]
    for title in ("Runbooks", "How to read this"):
        address, _, path = links[title].replace("/tree/", "/blob/").partition("/docs/")
        assert address == repository
        assert (ROOT / "docs" / path).exists()
    alerts = next(panel for panel in PANELS if panel["id"] == 107)
    link = next(
        setting["value"][0]["url"]
        for override in alerts["fieldConfig"]["overrides"]
        for setting in override["properties"]
        if setting["id"] == "links"
    )
    assert link == f"{repository}/docs/runbooks/${{__value.text}}.md"


def test_critical_alerts_are_marked_on_every_curve() -> None:
    (annotation,) = OVERVIEW["annotations"]["list"]
    assert annotation["enable"]
    assert annotation["datasource"] == annotation["target"]["datasource"] == TEMPLATED
    assert 'alertstate="firing", severity="critical"' in annotation["target"]["expr"]
    assert annotation["titleFormat"] == "{{alertname}}"


def test_the_shortest_window_is_four_scrapes() -> None:
    """Grafana's own rule, from the interval of the data source or the longer step of the query."""
    windows = {query.panel: re.findall(r"rate\([^[]*\[(\w+)\]", query.expr) for query in QUERIES}
    assert windows["Failed and lost attempts (206)"] == ["20s"]
    assert windows["Page delay (509)"] == ["240s"]
    assert "60s" in windows["Alerts that got stuck on the way (514)"]
    assert DATASOURCE_INTERVAL == "5s"
