"""What a dashboard asks Prometheus, with Grafana's variables filled in as Grafana fills them for "All" and one hour."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

DATASOURCE_INTERVAL: Final = "5s"
"""`timeInterval` of provisioning/datasources/prometheus.yaml."""
_RANGE: Final = "1h"
_VARIABLE: Final = re.compile(r"\$(?:\{(?P<braced>\w+)(?::\w+)?\}|(?P<bare>\w+))")


@dataclass(frozen=True)
class PanelQuery:
    """One query of one panel. `template` is as written; `expr` is what Prometheus gets."""

    panel: str
    ref: str
    template: str
    expr: str


class UnknownVariable(ValueError):
    """A query uses a variable that neither Grafana nor the dashboard has; the message names both."""


def queries_of(dashboard: Mapping[str, Any]) -> list[PanelQuery]:
    """Return the queries of all panels, those inside collapsed rows too, then of annotations and of variables.

    `dashboard` is the JSON model. Raises UnknownVariable.
    """
    values = dict(_own_variables(dashboard))
    found = []
    for place, ref, template, step in _templates(dashboard):
        builtin = _builtin(step or DATASOURCE_INTERVAL)
        found.append(PanelQuery(place, ref, template, _filled(template, {**values, **builtin}, place)))
    return found


def panels_of(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give every panel that shows data; rows are walked into, not given."""
    waiting = list(dashboard["panels"])
    while waiting:
        panel = waiting.pop(0)
        if panel["type"] == "row":
            waiting[:0] = panel.get("panels", [])
        else:
            yield panel


def _templates(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str | None]]:
    for panel in panels_of(dashboard):
        for target in panel.get("targets", []):
            yield f"{panel['title']} ({panel['id']})", target["refId"], target["expr"], target.get("interval")
    for annotation in dashboard["annotations"]["list"]:
        target = annotation["target"]
        yield f"annotation {annotation['name']}", target["refId"], target["expr"], target.get("interval")
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", "", series_of(variable["query"]["query"]), None


def series_of(question: str) -> str:
    """Return the series whose labels a variable lists: `label_values(SERIES, LABEL)`. Raises ValueError otherwise."""
    match = re.fullmatch(r"label_values\((?P<series>.+), ?\w+\)", question)
    if match is None:
        raise ValueError(f"not label_values(series, label): {question}")
    return match["series"]


def _own_variables(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["allValue"]


def _builtin(step: str) -> Mapping[str, str]:
    seconds = int(step[:-1]) * {"s": 1, "m": 60}[step[-1]]
    # Zoomed in as far as it goes, where windows are shortest: Grafana never makes a rate shorter than four scrapes.
    return {"__rate_interval": f"{4 * seconds}s", "__interval": step, "__range": _RANGE}


def _filled(template: str, values: Mapping[str, str], place: str) -> str:
    def value(found: re.Match[str]) -> str:
        name = found["braced"] or found["bare"]
        if name not in values:
            raise UnknownVariable(f"{place} uses ${name}, which does not exist")
        return values[name]

    return _VARIABLE.sub(value, template)


def variables_in(texts: Sequence[str]) -> set[str]:
    """Return the names of the variables that the texts use."""
    return {found["braced"] or found["bare"] for text in texts for found in _VARIABLE.finditer(text)}
