"""The dashboard "are weddings safe right now?": its frame, variables, annotations and links."""

from collections.abc import Callable, Mapping
from typing import Final

from grafana.panels import DATASOURCE, RED
from grafana.rows.errors import errors
from grafana.rows.paging import paging
from grafana.rows.right_now import RUNBOOKS, right_now
from grafana.rows.services import services
from grafana.rows.workflows import workflows
from grafana.sdk import Builder, dashboard, models, prometheus

UID: Final = "wedsync-overview"
"""Frozen: every alert's dashboard_url is /d/wedsync-overview, and Grafana keeps the old dashboard when a file's uid
changes."""
DATASOURCE_UID: Final = "wedsync-prometheus"

_ROWS: Final[Mapping[str, Callable[[], list[Builder[models.Panel]]]]] = {
    "Right now": right_now,
    "Workflows": workflows,
    "Services": services,
    "Errors": errors,
    "The paging chain": paging,
}
_EVERYTHING: Final = models.VariableOption(text="All", value="$__all", selected=True)
_DOCS: Final = RUNBOOKS.removesuffix("runbooks/")


def overview(console_url: str) -> models.Dashboard:
    """Return the dashboard. `console_url` is where people find the incidents."""
    board = dashboard.Dashboard("WedSync: are weddings safe right now?").uid(UID).readonly()
    board.description("From the wedding down to the machinery: read it from the top, stop where it is red.")
    board.tags(["wedsync"]).timezone("utc").time("now-1h", "now").refresh("10s").week_start("monday")
    board.tooltip(models.DashboardCursorSync.CROSSHAIR)
    for variable in (datasource_variable(), *_filters()):
        board.with_variable(variable)
    # "$region|": alerts that know no region concern them all.
    board.annotation(critical_alerts('region=~"$region|"'))
    board.link(outside_link("Incidents", console_url)).link(
        outside_link("Runbooks", RUNBOOKS.replace("/blob/", "/tree/"))
    )
    board.link(outside_link("Errors", "/d/wedsync-errors"))
    board.link(outside_link("How to read this", f"{_DOCS}dashboards.md"))
    for number, (title, panels) in enumerate(_ROWS.items(), start=1):
        board.with_row(dashboard.Row(title).id(number))
        for panel in panels():
            board.with_panel(panel)
    return board.build()


def datasource_variable() -> Builder[models.VariableModel]:
    """Return the choice of the Prometheus that is asked."""
    variable = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return variable.current(models.VariableOption(text="Prometheus", value=DATASOURCE_UID, selected=True))


def _filters() -> list[Builder[models.VariableModel]]:
    # Recorded series where there are any: they know the regions of the calendar and those of the traffic alike.
    reporting = '{__name__=~"wedsync_http_request_duration_seconds_count|wedsync_errors_total"}'
    return [
        filter_variable("region", "Region", "region_risk:wedsync_calendar_risk:in_force"),
        filter_variable("service", "Service", reporting),
        filter_variable("workflow", "Workflow", "wedsync_workflow_attempts_total"),
    ]


def filter_variable(name: str, label: str, series: str) -> Builder[models.VariableModel]:
    """Return the choice among the values that a series has of a label."""
    question = f"label_values({series}, {name})"
    variable = dashboard.QueryVariable(name).label(label).datasource(DATASOURCE).definition(question)
    variable.query({"query": question, "refId": f"Variable-{name}"}).refresh(
        models.VariableRefresh.ON_TIME_RANGE_CHANGED
    )
    variable.sort(models.VariableSort.ALPHABETICAL_ASC).multi(True).include_all(True).all_value(".*")
    return variable.current(_EVERYTHING)


def critical_alerts(chosen: str = "") -> Builder[models.AnnotationQuery]:
    """Return the marks of critical alerts on every curve; `chosen` narrows them by a variable of the dashboard."""
    selector = ", ".join(filter(None, ('alertstate="firing"', 'severity="critical"', chosen)))
    expr = f"max by (alertname, service, workflow, region) (ALERTS{{{selector}}})"
    query = prometheus.Dataquery().ref_id("Annotation").expr(expr).range().interval("10s").datasource(DATASOURCE)
    annotation = dashboard.AnnotationQuery().name("Critical alerts").datasource(DATASOURCE).enable(True)
    annotation.icon_color(RED).target(query).title_format("{{alertname}}").text_format("{{workflow}} {{region}}")
    return annotation.tag_keys("service").use_value_for_time(False)


def outside_link(title: str, url: str) -> Builder[models.DashboardLink]:
    """Return a link at the top of a dashboard."""
    link = dashboard.DashboardLink(title).type(models.DashboardLinkType.LINK).icon("external link")
    return link.url(url).target_blank(True)
